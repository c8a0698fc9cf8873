"""The service and a model of it, step by step: whatever is asked of jobs, and however trainers end, both say the same.

Everything is real but the trainers, whose moves are steps of the test, and the clock.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import pathlib
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bessemer.v1 import jobs_pb2 as pb
from bessemer_server.blobs.memory import MemoryBlobStore
from bessemer_server.domain import errors
from bessemer_server.domain.checkpoints import Retention
from bessemer_server.domain.jobs import Attempt, Exit, Failure, Reason
from bessemer_server.executors.logs import LogCollector
from bessemer_server.rpc import jobs as rpc_jobs
from bessemer_server.scheduling import loop
from bessemer_server.scheduling.notices import Notices
from bessemer_server.stores.memory import MemoryStore
from tests import lifecycle_model as model
from tests.conformance import samples
from tests.simulation import clients, mutations, network, servers

SLOTS = ["cpu#0@a", "cpu#1@a"]
MAX_LOSSES = 3
PICK = st.integers(0, 10**6)
AGAIN_S = 1000.0
"""Longer than any job waits for its next attempt."""


@dataclasses.dataclass
class Job:
    """A job as it should be."""

    number: int
    key: str
    epochs: int
    priority: int
    state: str = "QUEUED"
    attempt: int = 0
    losses: int = 0

    @property
    def is_active(self) -> bool:
        return self.state in ("STARTING", "RUNNING", "PAUSING", "CANCELLING")


class Trainers:
    """An executor whose trainers do nothing by themselves."""

    def __init__(self) -> None:
        self.exits: list[Exit] = []

    async def start(self, attempt: Attempt, token: str) -> int:
        return 1

    async def kill(self, attempt: Attempt) -> None:
        pass

    def adopt(self, attempts: object) -> None:
        pass

    def is_busy(self, attempt: Attempt) -> bool:
        return False

    def drain_exits(self) -> list[Exit]:
        exits, self.exits = self.exits, []
        return exits

    async def close(self) -> None:
        pass


class Service(RuleBasedStateMachine):
    """Steps of clients, trainers and the scheduler."""

    @initialize()
    def start(self) -> None:
        self.now = samples.START
        self.loop = asyncio.new_event_loop()
        self.store, notices = MemoryStore(), Notices()
        logs = LogCollector(self.store, pathlib.Path("nowhere"), notices.announce)
        self.scheduler = loop.Scheduler(self.store, notices, 60.0, server="a", logs=logs, clock=self.clock)
        self.trainers = Trainers()
        self.scheduler._executor, self.scheduler._slots = self.trainers, SLOTS
        planner: Any = servers.Planner()
        blobs: Any = MemoryBlobStore(self.store.blobs)
        self.servicer = rpc_jobs.JobServicer(
            self.store, planner, self.scheduler, notices, logs, blobs=blobs, clock=self.clock
        )
        self.jobs: dict[str, Job] = {}
        self.gone: dict[str, Job] = {}
        self.has_checkpoint: set[str] = set()

    def clock(self) -> datetime.datetime:
        self.now += datetime.timedelta(microseconds=1)
        return self.now

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def call(self, method: str, request: Any) -> Any:
        """The answer, or the error."""
        try:
            return self.run(getattr(self.servicer, method)(request, network.make_context()))
        except errors.DomainError as error:
            return error

    def pick(self, number: int, *, active: bool = False) -> tuple[str, Job] | None:
        found = [(id, job) for id, job in self.jobs.items() if job.is_active or not active]
        return found[number % len(found)] if found else None

    @rule(epochs=st.integers(1, 3), priority=st.integers(-1, 1))
    def submit(self, epochs: int, priority: int) -> None:
        job = Job(len(self.jobs) + len(self.gone), f"key {len(self.jobs) + len(self.gone)}", epochs, priority)
        answer = self.call("CreateJob", self.request(job))
        assert answer.id not in {**self.jobs, **self.gone}
        self.jobs[answer.id] = job

    @rule(number=PICK, more=st.sampled_from([0, 0, 1]))
    def submit_again(self, number: int, more: int) -> None:
        every = [*self.jobs.items(), *self.gone.items()]
        if not every:
            return
        job_id, job = every[number % len(every)]
        answer = self.call("CreateJob", self.request(dataclasses.replace(job, epochs=job.epochs + more)))
        if more:
            assert isinstance(answer, errors.AlreadyExists)
        elif job_id in self.gone:
            assert isinstance(answer, errors.NotFound)
        else:
            assert answer.id == job_id

    def request(self, job: Job) -> pb.CreateJobRequest:
        spec = pb.TrainingSpec(architecture="mlp", dataset="iris", epochs=job.epochs)
        return pb.CreateJobRequest(job=pb.Job(spec=spec, priority=job.priority), request_id=job.key)

    @rule(asked=st.sampled_from(sorted(model.ANSWERS)), number=PICK)
    def ask(self, asked: str, number: int) -> None:
        if found := self.pick(number):
            job_id, job = found
            expected = model.ANSWERS[asked][job.state]
            method = f"{asked.capitalize()}Job"
            answer = self.call(method, clients.REQUESTS[method](id=job_id))
            if expected == model.REFUSED:
                assert isinstance(answer, errors.FailedPrecondition)
            elif expected == model.GONE:
                self.gone[job_id] = self.jobs.pop(job_id)
            else:
                assert pb.Job.State.Name(answer.state) == expected
                if expected != job.state == "PAUSED" or (asked == "retry" and job.state in model.ENDED):
                    job.losses = 0
                job.state = expected

    @rule(asked=st.sampled_from(sorted(clients.REQUESTS)), number=PICK)
    def ask_what_is_gone(self, asked: str, number: int) -> None:
        if self.gone:
            job_id = list(self.gone)[number % len(self.gone)]
            answer = self.call(asked, clients.REQUESTS[asked](id=job_id))
            assert isinstance(answer, errors.NotFound) == (asked != "DeleteJob")

    @rule()
    def schedule(self) -> None:
        self.now += datetime.timedelta(seconds=AGAIN_S)
        self.run(self.scheduler.tick())
        free = len(SLOTS) - sum(job.is_active for job in self.jobs.values())
        queue = sorted(
            (job for job in self.jobs.values() if job.state == "QUEUED"),
            key=lambda j: (-j.priority, j.number),
        )
        for job in queue[: max(free, 0)]:
            job.state, job.attempt = "STARTING", job.attempt + 1

    @rule(number=PICK)
    def report(self, number: int) -> None:
        if found := self.pick(number, active=True):
            job_id, job = found
            command = self.run(self.store.report(job_id, job.attempt, [], samples.progress(1), self.now))
            assert command.name == {"CANCELLING": "CANCEL", "PAUSING": "PREEMPT"}.get(job.state, "CONTINUE")
            job.state = "RUNNING" if job.state == "STARTING" else job.state

    @rule(number=PICK)
    def save(self, number: int) -> None:
        if found := self.pick(number, active=True):
            job_id, job = found
            self.run(
                self.store.commit_checkpoint(
                    job_id, job.attempt, samples.empty_publication().weights, Retention(2), self.now
                )
            )
            if job_id not in self.has_checkpoint:  # a step has one checkpoint: again is the first one
                self.has_checkpoint.add(job_id)
                job.losses = 0

    @rule(number=PICK)
    def succeed(self, number: int) -> None:
        if found := self.pick(number, active=True):
            job_id, job = found
            self.run(self.store.succeed(job_id, job.attempt, samples.empty_publication(), self.now))
            job.state = "SUCCEEDED"

    @rule(number=PICK)
    def fail(self, number: int) -> None:
        if found := self.pick(number, active=True):
            job_id, job = found
            failure = Failure(Reason.NON_FINITE_LOSS, "the loss is nan")
            self.run(self.store.fail(job_id, job.attempt, failure, self.now))
            job.state = "FAILED"

    @rule(number=PICK)
    def die(self, number: int) -> None:
        """A trainer ends without a word; the scheduler settles that before it starts others."""
        if found := self.pick(number, active=True):
            job_id, job = found
            self.trainers.exits.append(Exit(job_id, job.attempt, status=-9))
            if job.state in ("CANCELLING", "PAUSING"):
                job.state = {"CANCELLING": "CANCELLED", "PAUSING": "PAUSED"}[job.state]
                job.losses += 1
            elif job.losses >= MAX_LOSSES:
                job.state = "FAILED"
            else:
                job.state, job.losses = "QUEUED", job.losses + 1
            self.run(self.scheduler._settle_exits())

    @rule(number=PICK)
    @precondition(lambda self: any(job.attempt > 1 for job in self.jobs.values()))
    def write_late(self, number: int) -> None:
        """A trainer of an attempt that is over is heard of again."""
        late = [(job_id, job) for job_id, job in self.jobs.items() if job.attempt > 1]
        job_id, job = late[number % len(late)]
        with pytest.raises(errors.StaleAttempt):
            self.run(self.store.report(job_id, job.attempt - 1, [], samples.progress(1), self.now))

    @invariant()
    def both_say_the_same(self) -> None:
        found = self.call("ListJobs", pb.ListJobsRequest(page_size=1000)).jobs
        said = {job.id: (pb.Job.State.Name(job.state), job.attempt, job.priority) for job in found}
        assert said == {id: (job.state, job.attempt, job.priority) for id, job in self.jobs.items()}
        waiting = sorted((j for j in found if j.queue_position), key=lambda j: j.queue_position)
        assert [j.queue_position for j in waiting] == list(range(1, len(waiting) + 1))
        order = [(-j.priority, self.jobs[j.id].number) for j in waiting]
        assert order == sorted(order)

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()


def compare(runs: int, steps: int) -> None:
    """Raise where the two do not agree in so many runs; the same ones each time."""
    run_state_machine_as_test(
        Service,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
        ),
    )


@pytest.mark.parametrize(("runs", "steps"), [(15, 30), pytest.param(500, 60, marks=pytest.mark.long)])
def test_service_and_model_agree(runs, steps):
    compare(runs, steps)


def test_they_do_not_agree_when_priorities_are_ignored():
    with mutations.without("priorities are ignored"), pytest.raises(AssertionError):
        compare(50, 30)
