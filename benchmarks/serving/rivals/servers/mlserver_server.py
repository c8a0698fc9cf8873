"""MLServer: a runtime of our own, with its adaptive batching."""

import json
import os
import pathlib
import sys

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse

HERE = pathlib.Path(__file__).parent


class Cnn(MLModel):
    """The network."""

    async def load(self):
        """Build it."""
        import networks

        self._run = networks.build(os.environ["FOLDER"])
        return True

    async def predict(self, payload):
        """One batch."""
        pixels = NumpyCodec.decode_input(payload.inputs[0])
        output = NumpyCodec.encode_output("probabilities", self._run(pixels))
        return InferenceResponse(model_name=self.name, outputs=[output])


if __name__ == "__main__":
    folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    work = folder / "mlserver"
    work.mkdir(exist_ok=True)
    settings = {
        "host": "127.0.0.1",
        "http_port": port + 1,
        "grpc_port": port,
        "metrics_port": port + 2,
        "parallel_workers": 0,
        "debug": False,
    }
    model = {
        "name": "cnn",
        "implementation": "mlserver_server.Cnn",
        "max_batch_size": 64,
        "max_batch_time": 0.005,
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28, 1]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
    }
    (work / "settings.json").write_text(json.dumps(settings))
    (work / "model-settings.json").write_text(json.dumps(model))
    environment = {**os.environ, "FOLDER": str(folder), "PYTHONPATH": str(HERE)}
    command = pathlib.Path(sys.executable).with_name("mlserver")
    os.execve(command, [str(command), "start", str(work)], environment)
