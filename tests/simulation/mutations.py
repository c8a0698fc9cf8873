"""Protections of the product, taken away one at a time: each must make a run fail."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from bessemer_server.domain import errors
from bessemer_server.domain.jobs import Job
from bessemer_server.domain.states import State
from bessemer_server.rpc import feeds
from bessemer_server.scheduling import leases, loop, policy, poller
from bessemer_server.stores import memory, rules
from tests.simulation import trainers


def _change(place: Any, name: str, value: Any) -> Any:
    return mock.patch.object(place, name, value)


def _take_any_attempt() -> Any:
    return _change(rules, "check_current", lambda job, attempt: None)


def _take_attempts_of_ended_jobs() -> Any:
    def check(job: Job, attempt: int) -> None:
        if attempt != job.attempt:
            raise errors.StaleAttempt("another attempt is current")

    return _change(rules, "check_current", check)


def _forget_keys() -> Any:
    create = memory.MemoryStore.create_job

    async def create_always(self: Any, job: Any, now: Any) -> Any:
        return await create(self, dataclasses.replace(job, request_id=""), now)

    return _change(memory.MemoryStore, "create_job", create_always)


def _take_any_body() -> Any:
    return _change(rules, "check_fingerprint", lambda request_id, first, second: None)


def _start_newest_first() -> Any:
    def place(job: Job) -> Any:
        return -job.priority, -job.create_time.timestamp(), job.id

    return _change(rules, "queue_place", place)


def _ignore_priorities() -> Any:
    return _change(rules, "queue_place", lambda job: (job.create_time, job.id))


def _start_twice() -> Any:
    def start(job: Job, now: Any) -> Any:
        moved = dataclasses.replace(job, state=State.QUEUED)
        return real(moved, now) if job.state is State.STARTING else real(job, now)

    real = rules.start
    return _change(rules, "start", start)


def _fill_taken_slots() -> Any:
    return _change(policy, "free_slots", lambda slots, taken: list(slots))


def _believe_the_wall_clock() -> Any:
    """Leases by the time that was written, instead of by having seen it change."""

    def expired(self: Any, attempts: Any, now_s: float) -> Any:
        newest = max((a.lease_time for a in attempts), default=None)
        return [a for a in attempts if newest and (newest - a.lease_time).total_seconds() > 3]

    return _change(leases.LeaseTable, "expired", expired)


def _never_expire() -> Any:
    return _change(leases.LeaseTable, "expired", lambda self, attempts, now_s: [])


def _forget_exits_and_leases_once() -> Any:
    return _change(loop.Scheduler, "lose", _lose_nothing)


async def _lose_nothing(self: Any, *args: Any, **named: Any) -> None:
    return None


def _stop_everybody() -> Any:
    """A server that stops ends the trainers of others too."""

    async def ours(self: Any) -> Any:
        return list(await self._store.active_attempts())

    return _change(loop.Scheduler, "_ours", ours)


def _skip_an_event() -> Any:
    """After a reconnect, one event is missing."""
    real = memory.MemoryStore.events

    async def events(self: Any, job_id: str, after: int, limit: int) -> Any:
        found = await real(self, job_id, after, limit)
        return found[1:] if after and len(found) > 1 else found

    return _change(memory.MemoryStore, "events", events)


def _leave_early() -> Any:
    """A watcher is sent away when nothing is new."""

    async def is_end(self: Any, job_id: str, cursor: int) -> bool:
        return True

    return _change(feeds.Feeds, "_is_end", is_end)


def _forget_to_poll() -> Any:
    """Nobody looks for what other servers write."""

    async def look(self: Any) -> None:
        return None

    return _change(poller.Poller, "look", look)


def _commit_before_the_metrics() -> Any:
    """A trainer does not wait for its metrics to be acknowledged before it commits a checkpoint."""

    async def flush(self: Any) -> None:
        return None

    return _change(trainers.Trainer, "_flush", flush)


def _take_back_finished_jobs() -> Any:
    """An outcome that is told twice is applied twice."""
    return _change(rules, "is_repeat", lambda job, attempt, outcome: False)


def _collect_what_is_held() -> Any:
    return _change(memory.MemoryStore, "_needed", lambda self, now: set())


def _end_before_the_beginning() -> Any:
    """Times come from a clock that was set back."""
    real = rules._move

    def move(job: Job, state: Any, now: Any, *args: Any, **named: Any) -> Any:
        change = real(job, state, now, *args, **named)
        times = {"end_time": now} if state.is_terminal else {}
        return dataclasses.replace(change, job=dataclasses.replace(change.job, **times))

    return _change(rules, "_move", move)


def _retry_for_ever() -> Any:
    return _change(policy, "may_retry", lambda losses: losses < 2)


MUTATIONS: dict[str, Callable[[], Any]] = {
    "writes of any attempt are taken": _take_any_attempt,
    "writes of attempts of ended jobs are taken": _take_attempts_of_ended_jobs,
    "idempotency keys are forgotten": _forget_keys,
    "a key with another body gives the first job": _take_any_body,
    "the newest job starts first": _start_newest_first,
    "priorities are ignored": _ignore_priorities,
    "a job that was started is started again": _start_twice,
    "slots that are taken are given away": _fill_taken_slots,
    "leases are judged by the wall clock": _believe_the_wall_clock,
    "leases never expire": _never_expire,
    "lost attempts are not settled": _forget_exits_and_leases_once,
    "a stop ends the trainers of other servers": _stop_everybody,
    "a watcher that reconnects misses an event": _skip_an_event,
    "a watcher is sent away too early": _leave_early,
    "what other servers write is not looked for": _forget_to_poll,
    "checkpoints do not wait for metrics": _commit_before_the_metrics,
    "an outcome that is told again counts again": _take_back_finished_jobs,
    "blobs are collected that are needed": _collect_what_is_held,
    "times are those of the wall clock alone": _end_before_the_beginning,
    "a job fails after too few losses": _retry_for_ever,
}


@contextlib.contextmanager
def without(protection: str) -> Iterator[None]:
    """The product while it lacks a protection."""
    with MUTATIONS[protection]():
        yield
