"""LitServe: HTTP, with its batching."""

import base64
import sys

import litserve
import networks
import numpy as np

folder, port = sys.argv[1], int(sys.argv[2])


class Api(litserve.LitAPI):
    """The network behind `POST /predict`; samples as base64 in JSON, as in its documentation."""

    def setup(self, device):
        """Build it."""
        self._workload = networks.Workload(folder)
        self._run = self._workload.build()

    def decode_request(self, request):
        """JSON to a sample."""
        return self._workload.read(base64.b64decode(request["sample"]))

    def batch(self, inputs):
        """Join."""
        return np.stack(inputs)

    def predict(self, samples):
        """One batch."""
        return self._run(samples)

    def unbatch(self, output):
        """Split."""
        return list(output)

    def encode_response(self, output):
        """Scores to JSON."""
        return [output.tolist()]


if __name__ == "__main__":
    server = litserve.LitServer(Api(max_batch_size=64, batch_timeout=0.001), accelerator="cpu")
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning")
