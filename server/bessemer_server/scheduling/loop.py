"""The scheduler: settles what ended, expires what is silent, starts what waits."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import datetime
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Sequence

from bessemer_server.domain import errors, failpoints, ports, states
from bessemer_server.domain.jobs import Attempt, Exit, Failure, Reason, Time
from bessemer_server.scheduling import evidence, leases, losses, policy
from bessemer_server.scheduling.notices import Notices, wait_up_to

log = logging.getLogger(__name__)

TICK_S = 1.0
ASKED_TO_STOP = (states.State.CANCELLING, states.State.PAUSING)
"""However its trainer ends, such a job is what it was asked to be."""


def utc_now() -> Time:
    """The wall clock."""
    return datetime.datetime.now(datetime.UTC)


def digest_token(token: str) -> str:
    """What the store keeps of a token: it must not be able to impersonate a trainer."""
    return hashlib.sha256(token.encode()).hexdigest()


class Scheduler:
    """Runs jobs from the store on the slots of one executor. The attempts of other servers on that store are left to them."""

    def __init__(
        self,
        store: ports.Store,
        notices: Notices,
        lease_timeout_s: float,
        *,
        server: str,
        logs: ports.Logs,
        back_off_s: float = policy.BACK_OFF_S,
        clock: Callable[[], Time] = utc_now,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`server`: its name, which its slots have behind the `@`."""
        self._store = store
        self._server = server
        self._notices = notices
        self._logs = logs
        self._lease_timeout_s = lease_timeout_s
        self._back_off_s = back_off_s
        self._leases = leases.LeaseTable(lease_timeout_s)
        self._clock = clock
        self._monotonic_s = monotonic_s
        self._woken = asyncio.Event()
        self._ended: collections.deque[Exit] = collections.deque()
        self._executor: ports.Executor | None = None
        self._slots: Sequence[str] = ()
        self.is_draining = False
        """True once the server stops: nothing new starts, and trainers are told to save and end."""

    def wake(self) -> None:
        """Look again now: a job came, or a trainer ended."""
        self._woken.set()

    async def run(self, executor: ports.Executor, slots: Sequence[str]) -> None:
        """Tick until cancelled. An error of the store ends a tick, never the loop."""
        self._executor, self._slots = executor, slots
        while True:
            self._woken.clear()
            try:
                await self.tick()
            except errors.DomainError as error:
                self._leases.forgive(self._monotonic_s())
                log.warning("scheduling tick failed", extra={"error": error.message})
            except Exception:
                log.exception("scheduling tick failed")
            await wait_up_to(self._woken, TICK_S)

    async def tick(self) -> None:
        """One look at the world."""
        await self._settle_exits()
        now_s = self._monotonic_s()  # before the store is asked: nobody is silent for as long as that takes
        active = await self._store.active_attempts()
        self._adopt(active)
        await self._expire_leases(active, now_s)
        if not self.is_draining:
            await self._launch()

    async def _settle_exits(self) -> None:
        assert self._executor is not None
        self._ended.extend(self._executor.drain_exits())
        while self._ended:
            failpoints.hit("exit.noticed")
            end = self._ended[0]
            await self.lose(end.job_id, end.attempt, losses.from_exit(end))
            self._ended.popleft()  # not before: it is settled again when the store could not

    def hearing(self, attempt: Attempt) -> contextlib.AbstractContextManager[None]:
        """The attempt's trainer has something to say; it is no silence that the store takes long to write it down, or cannot."""
        return self._leases.hearing((attempt.job_id, attempt.number), self._monotonic_s)

    def _adopt(self, active: Sequence[Attempt]) -> None:
        """Not once only: at the first tick a trainer that was just forked may have nothing yet by which it is known."""
        assert self._executor is not None
        self._executor.adopt([attempt for attempt in active if self._is_ours(attempt)])

    async def _expire_leases(self, active: Sequence[Attempt], now_s: float) -> None:
        assert self._executor is not None
        for attempt in self._leases.expired(active, now_s):
            is_busy = self._is_ours(attempt) and self._executor.is_busy(attempt)
            if is_busy and self._leases.excuse(attempt, now_s):
                continue  # this machine has too much to do; another attempt would only add to it
            failure = losses.from_silence(attempt, self._lease_timeout_s)
            if await self.lose(attempt.job_id, attempt.number, failure, heard=attempt.lease_time):
                await self._executor.kill(attempt)

    async def lose(
        self,
        job_id: str,
        number: int,
        failure: Failure,
        *,
        is_loss: bool = True,
        delay_s: float = 0.0,
        heard: Time | None = None,
    ) -> bool:
        """The attempt ended without an outcome: queue the job again, or fail it when that happened too often. False, and
        nothing happens, when it has told its outcome, or was heard of since `heard` (see `ports.Store.release`). `delay_s`: before
        the next attempt; after a loss it is the longer the more there were.
        """
        try:
            job = await self._store.get_job(job_id)
            if not job.state.is_active or job.attempt != number:
                return False  # it told its outcome before it ended
            if job.overrun_s >= 0 and job.state not in ASKED_TO_STOP:
                failure, is_last = losses.from_deadline(job), True
            else:
                is_last = is_loss and job.state not in ASKED_TO_STOP and not policy.may_retry(job.losses + 1)
            if is_last:
                told = await evidence.complete(self._store, self._logs, job_id, number, failure)
                await self._store.fail(job_id, number, told, self._clock(), heard=heard)
            else:
                if is_loss:
                    delay_s = policy.back_off_s(job.losses + 1, self._back_off_s)
                await self._store.release(
                    job_id, number, failure, is_loss, self._clock(), delay_s=delay_s, heard=heard
                )
        except (errors.StaleAttempt, errors.NotFound):
            return False
        log.warning(
            "attempt lost",
            extra={"job": job_id, "attempt": number, "reason": failure.reason, "why": failure.message},
        )
        self._notices.announce(job_id)
        return True

    async def settle_failure(self, job_id: str, number: int, failure: Failure) -> None:
        """The trainer says why it cannot go on: the job fails, or waits for what somebody can put right meanwhile. Raises
        `StaleAttempt`.
        """
        if policy.is_put_off(failure.reason):
            log.warning("attempt put off", extra={"job": job_id, "attempt": number, "why": failure.message})
            await self._store.release(job_id, number, failure, False, self._clock(), delay_s=self._back_off_s)
        else:
            told = await evidence.complete(self._store, self._logs, job_id, number, failure)
            await self._store.fail(job_id, number, told, self._clock())

    async def end_overdue(self, attempt: Attempt) -> None:
        """Its job has run for longer than it may, and its trainer was asked to stop and does not."""
        assert self._executor is not None
        await self.lose(attempt.job_id, attempt.number, losses.from_shutdown(), is_loss=False)
        await self._executor.kill(attempt)

    async def _launch(self) -> None:
        taken = [attempt.slot for attempt in await self._store.active_attempts()]
        free = policy.free_slots(self._slots, taken)
        if not free:
            return  # however many wait: the queue is not even looked at
        queued = await self._store.queued_jobs(len(free), self._clock())
        for job, slot in policy.choose(queued, free):
            await self._start(job.id, slot)

    async def _start(self, job_id: str, slot: str) -> None:
        assert self._executor is not None
        token = secrets.token_urlsafe(32)
        attempt = await self._store.start_attempt(job_id, slot, digest_token(token), self._clock())
        if attempt is None:
            return
        self._notices.announce(job_id)
        try:
            pid = await self._executor.start(attempt, token)
        except errors.Unavailable as error:
            failure = Failure(Reason.WORKER_LOST, error.message, "The server tries again by itself.")
            # Not again at once: what is away may stay away, and each try is an attempt in the job's history.
            await self.lose(job_id, attempt.number, failure, is_loss=False, delay_s=self._back_off_s)
            return
        log.info(
            "attempt started", extra={"job": job_id, "attempt": attempt.number, "slot": slot, "pid": pid}
        )
        with contextlib.suppress(errors.StaleAttempt):
            await self._store.set_pid(job_id, attempt.number, pid)

    async def drain(self, grace_s: float) -> None:
        """Tell trainers to save and end; after the grace, end them. No job is lost: each is queued again."""
        self.is_draining = True
        deadline_s = self._monotonic_s() + grace_s
        while self._monotonic_s() < deadline_s and await self._ours() != []:
            self._woken.clear()
            await wait_up_to(self._woken, 0.1)
        for attempt in await self._ours() or []:
            if self._executor is not None:
                await self._executor.kill(attempt)
            with contextlib.suppress(errors.Unavailable):  # then its lease ends it, at the next server
                await self.lose(attempt.job_id, attempt.number, losses.from_shutdown(), is_loss=False)

    async def _ours(self) -> list[Attempt] | None:
        """The attempts that this server has started, before a restart too; None while the store does not say: a stop must not
        fail for that.
        """
        try:
            active = await self._store.active_attempts()
        except errors.Unavailable as error:
            log.warning("attempts cannot be read", extra={"error": error.message})
            return None
        return [attempt for attempt in active if self._is_ours(attempt)]

    def _is_ours(self, attempt: Attempt) -> bool:
        """By name: the slot may be one that this server had before it was started again with fewer."""
        return policy.is_of(self._server, attempt.slot)
