"""A script: trains one specification against a `checkpoint_server`, and prints the seconds of its steps, in order.

python -m benchmarks.figures.checkpoint_loop ADDRESS TOKEN SPEC MODE, where MODE is `aside`, as trainers do it, or `waiting`,
where the loop waits until each checkpoint is committed.
"""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile
import time

import torch

from bessemer_server.domain import jobs
from bessemer_server.training import loop, preload
from bessemer_server.worker import observer, reporting


class Timed(observer.RemoteObserver):
    """Looks at the clock before each step."""

    waits = False

    def __init__(self, client: reporting.Client) -> None:
        super().__init__(client)
        self.times: list[float] = []

    def command(self) -> jobs.Command:
        """As trainers do it."""
        self.times.append(time.perf_counter())
        return super().command()

    def checkpoint(self, snapshot: loop.Snapshot) -> None:
        """As trainers do it, or until it is committed."""
        super().checkpoint(snapshot)
        if self.waits:
            self.flush()


def main(address: str, token: str, spec: str, mode: str) -> None:
    """Train, and print."""
    preload.preload()
    torch.set_num_threads(1)
    with reporting.connect(address, token) as client, Timed(client) as timed:
        timed.waits = mode == "waiting"
        folder = pathlib.Path(tempfile.gettempdir())
        loop.run(json.loads(spec), loop.Environment("cpu", 1, None, folder), timed)
        timed.flush()
    steps = [after - before for before, after in zip(timed.times, timed.times[1:], strict=False)]
    print(json.dumps(steps))


if __name__ == "__main__":
    main(*sys.argv[1:])
