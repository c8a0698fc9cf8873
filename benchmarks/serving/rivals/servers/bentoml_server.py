"""BentoML: HTTP, with its adaptive batching."""

import os
import pathlib
import sys

if __name__ != "__main__":
    import bentoml
    import numpy as np

    @bentoml.service(workers=1, traffic={"timeout": 60})
    class Network:
        """The network behind `POST /predict`."""

        def __init__(self) -> None:
            import networks

            self._workload = networks.Workload(os.environ["FOLDER"])
            self._run = self._workload.build()

        @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
        def predict(self, sample: np.ndarray) -> np.ndarray:
            """One batch."""
            return self._run(np.asarray(sample, self._workload.dtype))

else:
    folder, port = sys.argv[1:3]
    here = pathlib.Path(__file__).parent
    environment = {**os.environ, "FOLDER": folder, "PYTHONPATH": str(here), "BENTOML_DO_NOT_TRACK": "true"}
    command = pathlib.Path(sys.executable).with_name("bentoml")
    os.chdir(here)
    line = [str(command), "serve", "bentoml_server:Network", "--host", "127.0.0.1", "--port", port]
    os.execve(command, line, environment)
