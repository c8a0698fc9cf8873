"""BentoML: HTTP, with its adaptive batching."""

import os
import pathlib
import sys

if __name__ != "__main__":
    import bentoml
    import numpy as np

    @bentoml.service(workers=1, traffic={"timeout": 60})
    class Cnn:
        """The network behind `POST /predict`."""

        def __init__(self) -> None:
            import networks

            self._run = networks.build(os.environ["FOLDER"])

        @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
        def predict(self, image: np.ndarray) -> np.ndarray:
            """One batch."""
            return self._run(np.asarray(image, np.uint8))

else:
    folder, port = sys.argv[1:3]
    here = pathlib.Path(__file__).parent
    environment = {**os.environ, "FOLDER": folder, "PYTHONPATH": str(here), "BENTOML_DO_NOT_TRACK": "true"}
    command = pathlib.Path(sys.executable).with_name("bentoml")
    os.chdir(here)
    line = [str(command), "serve", "bentoml_server:Cnn", "--host", "127.0.0.1", "--port", port]
    os.execve(command, line, environment)
