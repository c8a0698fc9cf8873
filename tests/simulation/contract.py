"""What must hold after each event, whatever goes wrong: lines 1, 2, 3, 5, 6 and 7 of the product's contract.

Written against what callers and watchers were told and what the store holds, and not in terms of the rules that it
checks.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from typing import Any

from bessemer_server.domain import states
from bessemer_server.domain.events import CheckpointSaved, Event, StateChanged
from bessemer_server.domain.jobs import Job, Reason, Time
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.domain.states import State
from bessemer_server.stores.memory import MemoryStore

FENCED = frozenset({
    "set_pid", "pin_threads", "report", "commit_checkpoint", "record_pictures", "succeed", "fail", "confirm_cancel", "release",
})  # fmt: skip
"""Writes of the store that an attempt makes: (job_id, attempt, ...)."""
OUTCOMES = {"succeed": State.SUCCEEDED, "fail": State.FAILED, "confirm_cancel": State.CANCELLED}
MAX_LOSSES = 3


class BreachError(Exception):
    """A line of the contract does not hold; the message names it and what was seen."""


def value_of(scope: Scope, name: str, step: int) -> float:
    """The value that every attempt of every job computes: training is deterministic."""
    return math.sin(step + 10 * scope + len(name))


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """One job of the store before a write."""

    job: Job
    events: int
    metrics: int
    checkpoints: tuple[int, ...]


@dataclasses.dataclass(slots=True)
class _Known:
    """What the contract remembers of a job."""

    queued_at: int = 0
    """Number of the write that queued it last."""
    attempts_without_checkpoint: int = 0
    told: list[Event] = dataclasses.field(default_factory=list)


class Contract:
    """Watches one store."""

    def __init__(self, store: MemoryStore, lease_timeout_s: float) -> None:
        self._store = store
        self._lease_timeout_s = lease_timeout_s
        self._jobs: dict[str, _Known] = defaultdict(_Known)
        self._keys: dict[str, str] = {}
        self._accepted: set[str] = set()
        self._deleted: set[str] = set()
        self._writes = 0
        self._looks: dict[str, tuple[int, Time]] = {}
        self._heard_s: dict[tuple[str, int], float] = {}
        self._leases: dict[str, tuple[float, dict[tuple[str, int], float]]] = {}
        """When each server looked at the leases last, and who had been heard of when, by then."""
        self._slots: dict[tuple[str, int], str] = {}

    def accepted(self, key: str, job: Any) -> None:
        """A submit returned this job to somebody who gave this key."""
        first = self._keys.setdefault(key, job.id)
        check(first == job.id, f"2: key {key} made {first}, and then {job.id}")
        self._accepted.add(job.id)
        self._check_kept(job.id)

    def deleted(self, job_id: str) -> None:
        """Somebody asked for a deletion: from now on the job may be gone."""
        self._deleted.add(job_id)

    def look(self, job_id: str) -> Seen | None:
        """The job before a write."""
        record = self._store._records.get(job_id)
        if record is None or record.delete_time is not None:
            return None
        return Seen(record.job, len(record.events), len(record.metrics), tuple(record.checkpoints))

    def queue_was_read(self, server: str, now: Time) -> None:
        """A scheduler saw the queue: what is queued later cannot be held against it."""
        self._looks[server] = (self._writes, now)

    def leases_were_read(self, server: str, at_s: float) -> None:
        """A scheduler saw the leases: it judges by these, whoever is heard of in the moment before its verdict."""
        self._leases[server] = at_s, dict(self._heard_s)

    def written(
        self,
        server: str,
        method: str,
        args: tuple[Any, ...],
        before: Seen | None,
        error: Exception | None,
        *,
        at_s: float,
    ) -> None:
        """A write of the store has ended."""
        self._writes += 1
        job_id = args[0] if isinstance(args[0], str) else args[0].id
        after = self.look(job_id)
        self._check_kept(job_id)
        if error is not None:
            check(after == before, f"3: {method} of {job_id} failed ({error}), and changed something")
            return
        if method in FENCED:
            self._check_fence(method, job_id, args[1], before, after)
        if method == "release" and args[2].reason is Reason.WORKER_LOST and args[3]:
            self._check_expiry(server, job_id, args[1], args[2].message)
        if method == "release" and args[2].reason is Reason.PREEMPTED:
            owner = self._slots.get((job_id, args[1]), f"{server} ")
            check(owner.startswith(f"{server} "), f"slots: {server} stops {job_id}, which trains at {owner}")
        if method in ("report", "start_attempt", "commit_checkpoint") and before and after:
            self._heard_s[job_id, after.job.attempt] = at_s
        if after is None:
            return
        self._check_events(job_id, before, after)
        if method == "start_attempt" and before and before.job.state is State.QUEUED:
            self._check_start(server, args[1], before.job)
        if method == "commit_checkpoint":
            self._check_checkpoint(job_id, args[2].step)
        if after.job.state is State.SUCCEEDED and (before is None or before.job.state is not State.SUCCEEDED):
            self._check_result(after.job)

    def watched(self, job_id: str, events: list[Any]) -> None:
        """A watcher has seen these events of a job until now, over all its connections."""
        told = self._jobs[job_id].told
        check(
            [e.cursor for e in events] == list(range(1, len(events) + 1)), f"7: {job_id}: not each event once"
        )
        check(len(events) <= len(told), f"7: {job_id}: an event that never was")
        last, is_change = events[-1], events[-1].WhichOneof("kind") == "state_changed"
        kind = told[len(events) - 1].kind
        check(
            not is_change or (isinstance(kind, StateChanged) and last.state_changed.attempt == kind.attempt),
            f"7: {job_id}: event {last.cursor} is not what was stored",
        )

    def watch_ended(self, job_id: str, count: int) -> None:
        """A stream came to its end by itself, after so many events over all its connections."""
        told = self._jobs[job_id].told[:count]
        kind = told[-1].kind if told else None
        check(
            isinstance(kind, StateChanged) and kind.state.is_terminal,
            f"7: {job_id}: a watcher was sent away after event {count} ({kind})",
        )

    def event_count(self, job_id: str) -> int:
        """Events that the job has had."""
        return len(self._jobs[job_id].told)

    def _check_kept(self, job_id: str) -> None:
        if job_id in self._accepted and job_id not in self._deleted:
            check(self.look(job_id) is not None, f"1: job {job_id} was accepted and is gone")

    def _check_fence(
        self, method: str, job_id: str, attempt: int, before: Seen | None, after: Seen | None
    ) -> None:
        assert before
        is_current = before.job.attempt == attempt and before.job.state in states.ACTIVE
        is_repeat = before.job.attempt == attempt and OUTCOMES.get(method) is before.job.state
        check(
            is_current or is_repeat,
            f"3: {method} of attempt {attempt} of {job_id} was taken: {before.job.state}",
        )
        check(is_current or before == after, f"3: {method} of {job_id} again had an effect")

    def _check_expiry(self, server: str, job_id: str, attempt: int, message: str) -> None:
        if "has not reported" in message:
            looked_s, heard_s = self._leases[server]
            silent_s = looked_s - heard_s.get((job_id, attempt), -math.inf)
            check(
                silent_s >= self._lease_timeout_s,
                f"3: {job_id} lost its lease after {silent_s:.1f} s of silence",
            )

    def _check_events(self, job_id: str, before: Seen | None, after: Seen) -> None:
        known, events = self._jobs[job_id], self._store._records[job_id].events
        check(len(events) >= len(known.told), f"7: events of {job_id} were lost")
        for event in events[len(known.told) :]:
            check(event.cursor == len(known.told) + 1, f"7: event {event.cursor} of {job_id} is out of order")
            self._note(job_id, known, event)
        check(after.job.last_cursor == len(events), f"7: {job_id} does not know its last event")
        check(before is None or after.metrics >= before.metrics, f"5: metrics of {job_id} were lost")
        times = [time for time in (after.job.create_time, after.job.start_time, after.job.end_time) if time]
        check(times == sorted(times), f"1: {job_id} has a negative duration: {times}")

    def _note(self, job_id: str, known: _Known, event: Event) -> None:
        match event.kind:
            case StateChanged(state=state, attempt=attempt):
                changes = [e.kind for e in known.told if isinstance(e.kind, StateChanged)]
                last = changes[-1] if changes else None
                is_legal = state in states.MOVES[last.state] if last else state is State.QUEUED
                check(is_legal, f"3: {job_id} went from {last and last.state} to {state}")
                expected = (last.attempt if last else 0) + (state is State.STARTING)
                check(attempt == expected, f"3: {job_id} is {state} in attempt {attempt}, not {expected}")
                if state is State.QUEUED:
                    known.queued_at = self._writes
                known.attempts_without_checkpoint += state is State.STARTING
                enough = known.attempts_without_checkpoint > MAX_LOSSES
                check(state is not State.FAILED or enough, f"1: {job_id} failed after too few losses")
            case CheckpointSaved():
                known.attempts_without_checkpoint = 1  # this one, should it be lost after all
        known.told.append(event)

    def _check_start(self, server: str, slot: str, job: Job) -> None:
        read_at, now = self._looks[server]
        for record in self._store._records.values():
            other, known = record.job, self._jobs[record.job.id]
            if record.delete_time or other.state is not State.QUEUED or known.queued_at >= read_at:
                continue
            is_ahead = (-other.priority, other.create_time, other.id) < (
                -job.priority,
                job.create_time,
                job.id,
            )
            check(
                not (is_ahead and other.is_ready(now)),
                f"order: {job.id} started, and {other.id} was before it",
            )
        for (other_id, attempt), taken in list(self._slots.items()):
            seen = self.look(other_id)
            if seen is None or seen.job.attempt != attempt or not seen.job.state.is_active:
                del self._slots[other_id, attempt]
            else:
                check(taken != f"{server} {slot}", f"slots: {job.id} got {slot}, where {other_id} trains")
        self._slots[job.id, job.attempt + 1] = f"{server} {slot}"

    def _check_checkpoint(self, job_id: str, step: int) -> None:
        record = self._store._records[job_id]
        if step in record.checkpoints:
            digests = record.checkpoints[step].manifest.digests()
            check(
                all(d in self._store.blobs for d in digests), f"6: checkpoint {step} of {job_id} lacks a blob"
            )
        self._check_metrics(job_id, step)

    def _check_metrics(self, job_id: str, steps: int) -> None:
        points = self._store._records[job_id].metrics.values()
        wrong = [p for p in points if p.value != value_of(p.scope, p.name, p.step)]
        check(not wrong, f"5: {job_id} has {wrong[:1]}")
        found = sorted(p.step for p in points if p.scope is Scope.STEP and p.step <= steps)
        check(found == list(range(1, steps + 1)), f"5: {job_id} has a gap before step {steps}")

    def _check_result(self, job: Job) -> None:
        record = self._store._records[job.id]
        self._check_metrics(job.id, job.progress.steps)
        epochs = [p.epoch for p in sorted(record.metrics.values(), key=_step) if p.scope is Scope.EPOCH]
        check(epochs == list(range(1, job.progress.epochs + 1)), f"5: {job.id} has the epochs {epochs}")
        models = [
            m for versions in self._store._models.values() for m in versions.values() if m.job_id == job.id
        ]
        check(len(models) == 1, f"3: {job.id} published {len(models)} models")

    def check_blobs(self) -> None:
        """No blob that something visible refers to was collected."""
        for record in self._store._records.values():
            for checkpoint in record.checkpoints.values():
                lost = [d for d in checkpoint.manifest.digests() if d not in self._store.blobs]
                check(not lost, f"6: blobs of {checkpoint.id} were collected")
        for model in (m for versions in self._store._models.values() for m in versions.values()):
            lost = [d for d in model.weights.digests() if d not in self._store.blobs]
            check(not lost, f"6: blobs of model {model.name} were collected")

    def check_end(self) -> None:
        """Long after the last fault: every job has come to its end."""
        self.check_blobs()
        for job_id in self._accepted:
            seen = self.look(job_id)
            check(
                seen is None or seen.job.state.is_terminal, f"1: {job_id} is stuck: {seen and seen.job.state}"
            )


def check(holds: bool, message: str) -> None:
    """Raise `BreachError` unless it holds."""
    if not holds:
        raise BreachError(message)


def _step(metric: Metric) -> int:
    return metric.step
