"""Ray Serve: HTTP, with its batching."""

import os
import sys
import time

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import networks
import numpy as np
import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

folder, port = sys.argv[1], int(sys.argv[2])


@serve.deployment(max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Cnn:
    """The network: raw pixels in, raw scores out."""

    def __init__(self):
        self._run = networks.build(folder)

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.001)
    async def predict(self, pixels):
        """One batch."""
        return list(self._run(np.stack(pixels)))

    async def __call__(self, request: Request):
        """One request."""
        pixels = np.frombuffer(await request.body(), np.uint8).reshape(28, 28, 1)
        return Response(np.asarray(await self.predict(pixels)).tobytes())


variables = {name: os.environ[name] for name in ("ENGINE", "THREADS")}
here = os.path.dirname(os.path.abspath(__file__))
ray.init(include_dashboard=False, runtime_env={"env_vars": {**variables, "PYTHONPATH": here}})
serve.start(http_options={"host": "127.0.0.1", "port": port})
serve.run(Cnn.bind(), route_prefix="/")
while True:
    time.sleep(3600)
