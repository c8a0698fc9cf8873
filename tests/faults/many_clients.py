"""Clients that all do what they like with the same few jobs, and what each was told."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import itertools
import random
import threading
from collections import Counter
from typing import Any

import bessemer
from bessemer.v1 import jobs_pb2
from tests import lifecycle_model as model

ASKS = {"cancel": 4, "pause": 7, "resume": 7, "retry": 5, "delete": 3}
DEEDS = {**ASKS, "submit": 3, "submit again": 3, "submit other": 1, "get": 3, "list": 1}
IN_USE = 12
"""Newest jobs, which everybody is after."""


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """One answer."""

    asked: str
    job_id: str
    state: str
    """Or REFUSED, or GONE."""
    first_cursor: int
    """The newest event of the job that anybody knew of before."""
    cursor: int
    """The last event of the job as it was answered, or as it was seen after a refusal."""


@dataclasses.dataclass(slots=True)
class _Known:
    """What is known of a job while clients are at it."""

    key: str
    epochs: int
    priority: int
    cursor: int = 1
    deletions: int = 0
    """Asked for, whatever became of them."""
    is_gone: bool = False


class Crowd:
    """Shares what is known among the clients."""

    def __init__(self, address: str, seed: int) -> None:
        self._address, self._seed = address, seed
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self.jobs: dict[str, _Known] = {}
        self.told: list[Told] = []
        self.deeds: Counter[str] = Counter()

    def run(self, clients: int, deeds: int) -> None:
        """So many clients do so many deeds together. Raises what one of them found wrong."""
        left = iter(range(deeds))
        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            running = [pool.submit(self._live, number, left) for number in range(clients)]
            for one in concurrent.futures.as_completed(running):
                one.result()

    def _live(self, number: int, left: Any) -> None:
        dice = random.Random(f"{self._seed}/{number}")
        with bessemer.connect(self._address, timeout=300) as client:
            while True:
                with self._lock:
                    if next(left, None) is None:
                        return
                (deed,) = dice.choices(list(DEEDS), list(DEEDS.values()))
                self._do(client, dice, deed)

    def _do(self, client: bessemer.Client, dice: random.Random, deed: str) -> None:
        recent = list(self.jobs)[-IN_USE:]
        if not recent or deed == "submit":
            key = f"{self._seed}/{next(self._numbers)}"
            known = _Known(key, dice.randint(1, 30), dice.randint(-2, 2))
            self._submit(client, known)
            deed = "submit"
        else:
            job_id = dice.choice(recent)
            if deed.startswith("submit"):
                self._submit_again(client, job_id, is_other=deed == "submit other")
            elif deed == "list":
                self._list(client)
            else:
                self._ask(client, deed, job_id)
        with self._lock:
            self.deeds[deed] += 1

    def _submit(self, client: bessemer.Client, known: _Known, epochs: int = 0) -> bessemer.Job:
        job = client.train(
            "mlp",
            dataset="iris",
            epochs=epochs or known.epochs,
            priority=known.priority,
            idempotency_key=known.key,
        )
        with self._lock:
            self.jobs.setdefault(job.id, known)
        return job

    def _submit_again(self, client: bessemer.Client, job_id: str, *, is_other: bool) -> None:
        known = self.jobs[job_id]
        was_gone = known.is_gone
        try:
            again = self._submit(client, known, known.epochs + is_other)
        except bessemer.NotFound:
            assert known.deletions, f"{job_id} is gone, and nobody deleted it"
        except bessemer.AlreadyExists:
            assert is_other, f"the key of {job_id} is refused for the same request"
        else:
            assert not is_other, f"the key of {job_id} is taken for another request"
            assert again.id == job_id
            assert not was_gone, f"{job_id} was deleted, and is there again"

    def _list(self, client: bessemer.Client) -> None:
        gone = {job_id for job_id, known in list(self.jobs.items()) if known.is_gone}
        there = {job_id for job_id, known in list(self.jobs.items()) if not known.deletions}
        found = [job.id for job in client.jobs.list()]
        assert len(found) == len(set(found))
        assert not gone & set(found), "jobs that were deleted are listed"
        deleted = {job_id for job_id in there if self.jobs[job_id].deletions}
        assert there - deleted <= set(found), "jobs that were accepted are not listed"

    def _ask(self, client: bessemer.Client, asked: str, job_id: str) -> None:
        known = self.jobs[job_id]
        with self._lock:
            was_gone, first_cursor = known.is_gone, known.cursor
            known.deletions += asked == "delete"
        state, cursor = self._hear(client, asked, job_id)
        if state == model.GONE:
            assert known.deletions, f"{job_id} is gone, and nobody deleted it"
        else:
            assert not was_gone, f"{job_id} was deleted, and answers {asked} with {state}"
        with self._lock:
            known.cursor = max(known.cursor, cursor)
            self.told.append(Told(asked, job_id, state, first_cursor, cursor))

    def _hear(self, client: bessemer.Client, asked: str, job_id: str) -> tuple[str, int]:
        if asked == "delete":
            return self._delete(client, job_id)
        try:
            job = client.jobs.get(job_id)
            if asked != "get":
                getattr(job, asked)()
            return job.state, job._message.last_cursor
        except bessemer.NotFound:
            return model.GONE, 0
        except bessemer.FailedPrecondition:
            return self._refused(client, job_id)

    def _delete(self, client: bessemer.Client, job_id: str) -> tuple[str, int]:
        """Again is no error, so the job is not looked up before."""
        try:
            bessemer.Job(client._transport, jobs_pb2.Job(id=job_id)).delete()
        except bessemer.FailedPrecondition:
            return self._refused(client, job_id)
        self.jobs[job_id].is_gone = True
        return model.GONE, 0

    def _refused(self, client: bessemer.Client, job_id: str) -> tuple[str, int]:
        try:
            return model.REFUSED, client.jobs.get(job_id)._message.last_cursor
        except bessemer.NotFound:  # somebody else has deleted it since
            return model.GONE, 0


def find_all(client: bessemer.Client, crowd: Crowd) -> dict[str, bessemer.Job]:
    """The crowd's jobs that are there."""
    return {job.id: job for job in client.jobs.list() if job.id in crowd.jobs}


def end_everything(client: bessemer.Client, crowd: Crowd) -> None:
    """Cancel what is not over, and wait until all is."""
    left = [job for job in find_all(client, crowd).values() if not job.is_over]
    for job in left:
        with contextlib.suppress(bessemer.FailedPrecondition):  # it ended meanwhile
            job.cancel()
    for job in left:
        for _ in job.watch():
            pass


def check_answers(client: bessemer.Client, crowd: Crowd) -> int:
    """Compare every answer with the history of its job; returns how many there were."""
    histories = {
        job_id: [(change.cursor, change.state) for change in job.transitions]
        for job_id, job in find_all(client, crowd).items()
    }
    compared = 0
    for told in crowd.told:
        history = histories.get(told.job_id)
        if history is None or told.state == model.GONE:
            continue  # what a deleted job was cannot be known any more
        compared += 1
        if told.state == model.REFUSED:
            check_refusal(told, history)
        else:
            check_state(told, history)
    return compared


def check_refusal(told: Told, history: list[tuple[int, str]]) -> None:
    """In one of the states since the job was last heard of, the refusal must be right."""
    old = [state for cursor, state in history if cursor <= told.first_cursor][-1:]
    new = [state for cursor, state in history if told.first_cursor < cursor <= told.cursor]
    answers = model.ANSWERS[told.asked]
    assert any(answers[state] == model.REFUSED for state in old + new), f"{told}: it was {old + new}"


def check_state(told: Told, history: list[tuple[int, str]]) -> None:
    """The state must be that of the history at this event, and one that what was asked leads to."""
    past = [(cursor, state) for cursor, state in history if cursor <= told.cursor]
    last_cursor, state = past[-1]
    assert told.state == state, f"{told}: at that event it was {state}"
    before = past[-2][1] if len(past) > 1 and last_cursor == told.cursor else None
    assert told.asked == "get" or model.explains(told.asked, state, before), f"{told}: it was {before}"
