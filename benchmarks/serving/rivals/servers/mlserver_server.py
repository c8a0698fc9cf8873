"""MLServer: a runtime of our own, with its adaptive batching."""

import json
import os
import pathlib
import sys

import networks
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse

HERE = pathlib.Path(__file__).parent


class Network(MLModel):
    """The network."""

    async def load(self):
        """Build it."""
        self._run = networks.Workload(os.environ["FOLDER"]).build()
        return True

    async def predict(self, payload):
        """One batch."""
        samples = NumpyCodec.decode_input(payload.inputs[0])
        output = NumpyCodec.encode_output("probabilities", self._run(samples))
        return InferenceResponse(model_name=self.name, outputs=[output])


if __name__ == "__main__":
    folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    workload = networks.Workload(folder)
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
        "name": workload.name,
        "implementation": "mlserver_server.Network",
        "max_batch_size": 64,
        "max_batch_time": 0.005,
        "inputs": [{"name": workload.input, "datatype": workload.datatype, "shape": [-1, *workload.shape]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, workload.outputs]}],
    }
    (work / "settings.json").write_text(json.dumps(settings))
    (work / "model-settings.json").write_text(json.dumps(model))
    environment = {**os.environ, "FOLDER": str(folder), "PYTHONPATH": str(HERE)}
    command = pathlib.Path(sys.executable).with_name("mlserver")
    os.execve(command, [str(command), "start", str(work)], environment)
