"""Clients of the simulation: they submit, ask, change their minds, and watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bessemer.v1 import jobs_pb2 as pb
from bessemer_server.domain import errors
from tests.simulation import contract, network

if TYPE_CHECKING:
    from tests.simulation.servers import Server
    from tests.simulation.world import World

REQUESTS: dict[str, Callable[..., Any]] = {
    "CancelJob": pb.CancelJobRequest,
    "PauseJob": pb.PauseJobRequest,
    "ResumeJob": pb.ResumeJobRequest,
    "RetryJob": pb.RetryJobRequest,
    "DeleteJob": pb.DeleteJobRequest,
    "GetJob": pb.GetJobRequest,
}
WEIGHTS = {"submit": 6, "again": 2, "watch": 4, "CancelJob": 1, "PauseJob": 3, "ResumeJob": 3, "RetryJob": 2}
OPERATIONS = {**WEIGHTS, "DeleteJob": 1, "GetJob": 1}
PAUSE_S = 0.3


class Client:
    """One user of the service."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._name = f"client{number}"
        self._dice = world.dice(self._name)
        self._sent: list[pb.CreateJobRequest] = []

    async def run(self) -> None:
        """Until the storm is over."""
        while not self._world.is_calm:
            await asyncio.sleep(self._dice.expovariate(1 / 0.7))
            (operation,) = self._dice.choices(list(OPERATIONS), list(OPERATIONS.values()))
            if operation == "submit":
                await self._submit(self._make_request())
            elif operation == "again" and self._sent:
                await self._submit_again(self._dice.choice(self._sent))
            elif operation == "watch" and self._world.job_ids:
                self._world.spawn(Watcher(self._world, self._dice.choice(self._world.job_ids)).run())
            elif operation in REQUESTS and self._world.job_ids:
                await self.ask(operation, self._dice.choice(self._world.job_ids))

    async def ask(self, method: str, job_id: str) -> Any:
        """The answer, or None where the service refuses."""
        if method == "DeleteJob":
            self._world.contract.deleted(job_id)
        request = REQUESTS[method](id=job_id)
        try:
            return await self._call(lambda s: getattr(s.jobs, method)(request, network.make_context()))
        except (errors.FailedPrecondition, errors.NotFound):
            return None

    def _make_request(self) -> pb.CreateJobRequest:
        spec = pb.TrainingSpec(architecture="mlp", dataset="iris", epochs=self._dice.randint(1, 3))
        job = pb.Job(
            name=self._dice.choice(["a", "b"]), spec=spec, priority=self._dice.choice([0, 0, 0, 5, -5])
        )
        request = pb.CreateJobRequest(job=job, request_id=f"{self._name} {len(self._sent)}")
        self._sent.append(request)
        return request

    async def _submit(self, request: pb.CreateJobRequest) -> None:
        try:
            job = await self._call(lambda s: s.jobs.CreateJob(request, network.make_context()))
        except errors.NotFound:
            return  # it was deleted meanwhile
        self._world.contract.accepted(request.request_id, job)
        if job.id not in self._world.job_ids:
            self._world.job_ids.append(job.id)

    async def _submit_again(self, first: pb.CreateJobRequest) -> None:
        if self._dice.random() < 0.7:
            await self._submit(first)
            return
        other = pb.CreateJobRequest()
        other.CopyFrom(first)
        other.job.spec.epochs += 1
        try:
            job = await self._call(lambda s: s.jobs.CreateJob(other, network.make_context()))
        except (errors.AlreadyExists, errors.NotFound):
            return
        self._world.end(contract.BreachError(f"2: key {other.request_id} with another body made {job.id}"))

    async def _call(self, work: Callable[[Server], Any]) -> Any:
        while True:
            try:
                return await network.call(self._world, self._dice, self._world.any_server(self._dice), work)
            except errors.Unavailable:
                await asyncio.sleep(PAUSE_S)


class Watcher:
    """Follows one job over as many connections as it takes."""

    def __init__(self, world: World, job_id: str) -> None:
        self._world, self._job_id = world, job_id
        self._dice = world.dice(f"watcher {world.count('watchers')} of {job_id}")
        self._events: list[pb.JobEvent] = []

    async def run(self) -> None:
        """Until the job is over, or deleted."""
        while True:
            server = self._world.any_server(self._dice)
            if server.is_up:
                connection = server.spawn(self._follow(server))
                await asyncio.wait({connection})
                if not connection.cancelled() and connection.result():
                    return
            await asyncio.sleep(PAUSE_S)

    async def _follow(self, server: Server) -> bool:
        """One connection; whether all was seen."""
        request = pb.WatchJobRequest(id=self._job_id, cursor=len(self._events))
        cut_s = self._world.weather.watcher_cut_s
        until_s = self._world.now_s() + self._dice.expovariate(1 / cut_s) if cut_s else float("inf")

        async def take(event: pb.JobEvent) -> None:
            self._events.append(event)
            self._world.contract.watched(self._job_id, self._events)
            if self._world.now_s() > until_s:
                raise errors.Unavailable("cut")
            await asyncio.sleep(self._dice.choice([0.0, 0.0, 0.01, 0.3]))

        try:
            await server.jobs.WatchJob(request, network.make_context(write=take))
            self._world.contract.watch_ended(self._job_id, len(self._events))
            return True
        except errors.NotFound:
            return True
        except errors.Unavailable:
            return False
        except contract.BreachError as breach:
            self._world.end(breach)
            return True
