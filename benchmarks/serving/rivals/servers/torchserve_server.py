"""TorchServe (archived in 2025): its own gRPC protocol, with its batching."""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent

if __name__ != "__main__":
    import networks
    import numpy as np
    from ts.torch_handler.base_handler import BaseHandler

    class Network(BaseHandler):
        """The network: raw samples in, scores as JSON out."""

        def initialize(self, context):
            """Build it."""
            self._workload = networks.Workload(os.environ["FOLDER"])
            self._run = self._workload.build()
            self.initialized = True

        def handle(self, data, context):
            """One batch."""
            samples = [self._workload.read(row["sample"]) for row in data]
            return [json.dumps(scores.tolist()) for scores in self._run(np.stack(samples))]

else:
    folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    name = json.loads((folder / "workload.json").read_text())["name"]
    bin_ = pathlib.Path(sys.executable).parent
    store = folder / "torchserve"
    store.mkdir(exist_ok=True)
    archiver = [str(bin_ / "torch-model-archiver"), "--model-name", name, "--version", "1", "--force"]
    archiver += [
        "--handler",
        __file__,
        "--extra-files",
        str(HERE / "networks.py"),
        "--export-path",
        str(store),
    ]
    subprocess.run(archiver, check=True)
    models = {
        name: {
            "1": {
                "marName": f"{name}.mar",
                "minWorkers": 1,
                "maxWorkers": 1,
                "batchSize": 64,
                "maxBatchDelay": 1,
            }
        }
    }
    lines = {
        "inference_address": f"http://127.0.0.1:{port + 1}",
        "management_address": f"http://127.0.0.1:{port + 2}",
        "metrics_address": f"http://127.0.0.1:{port + 3}",
        "grpc_inference_port": port,
        "grpc_management_port": port + 4,
        "disable_token_authorization": "true",
        "model_store": store,
        "load_models": f"{name}.mar",
        "models": json.dumps(models),
    }
    config = store / "config.properties"
    config.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    environment = {**os.environ, "FOLDER": str(folder), "PATH": f"{bin_}:{os.environ['PATH']}"}
    environment["LOG_LOCATION"] = environment["METRICS_LOCATION"] = str(store / "logs")
    command = [str(bin_ / "torchserve"), "--foreground", "--ncs", "--ts-config", str(config)]
    os.chdir(store)
    os.execve(command[0], command, environment)
