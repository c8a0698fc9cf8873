"""LitServe: HTTP, with its batching."""

import base64
import sys

import litserve
import networks
import numpy as np

folder, port = sys.argv[1], int(sys.argv[2])


class Api(litserve.LitAPI):
    """The network behind `POST /predict`; pixels as base64 in JSON, as in its documentation."""

    def setup(self, device):
        """Build it."""
        self._run = networks.build(folder)

    def decode_request(self, request):
        """JSON to pixels."""
        return np.frombuffer(base64.b64decode(request["image"]), np.uint8).reshape(28, 28, 1)

    def batch(self, inputs):
        """Join."""
        return np.stack(inputs)

    def predict(self, pixels):
        """One batch."""
        return self._run(pixels)

    def unbatch(self, output):
        """Split."""
        return list(output)

    def encode_response(self, output):
        """Scores to JSON."""
        return [output.tolist()]


if __name__ == "__main__":
    server = litserve.LitServer(Api(max_batch_size=64, batch_timeout=0.001), accelerator="cpu")
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning")
