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
class Network:
    """The network: raw samples in, raw scores out."""

    def __init__(self):
        self._workload = networks.Workload(folder)
        self._run = self._workload.build()

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.001)
    async def predict(self, samples):
        """One batch."""
        return list(self._run(np.stack(samples)))

    async def __call__(self, request: Request):
        """One request."""
        sample = self._workload.read(await request.body())
        return Response(np.asarray(await self.predict(sample)).tobytes())


variables = {name: os.environ[name] for name in ("ENGINE", "THREADS")}
here = os.path.dirname(os.path.abspath(__file__))
for tries_left in (2, 1, 0):
    try:
        ray.init(include_dashboard=False, runtime_env={"env_vars": {**variables, "PYTHONPATH": here}})
        break
    except Exception:  # it gives its own processes half a minute to start, which a busy machine may not keep
        ray.shutdown()
        if not tries_left:
            raise
serve.start(http_options={"host": "127.0.0.1", "port": port})
serve.run(Network.bind(), route_prefix="/")
while True:
    time.sleep(3600)
