"""Each check of faults fails when the protection that it is for is removed: the very same test is run against a copy of the code
without it, by real processes, or against a store that was changed in this one. What the simulation checks, and the proofs of that,
are in `tests/simulation`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

import bessemer
from bessemer_server.domain.jobs import Attempt
from bessemer_server.stores.sql import attempts as sql_attempts
from bessemer_server.stores.sql import jobs as sql_jobs
from tests.faults import (
    failing,
    mutants,
    test_clock_jumps,
    test_damaged_checkpoints,
    test_databases,
    test_failing_disk,
    test_failpoints,
    test_full_disk,
    test_kills,
    test_long_queue,
    test_many_clients,
    test_many_watchers,
    test_torture,
    test_two_servers,
)

Request = pytest.FixtureRequest


@dataclasses.dataclass(frozen=True)
class Proof:
    """One fault, and the service without what makes it harmless."""

    removed: str
    check: Callable[[Request], Any]
    notice: str
    """What the check must say: it could fail for another reason."""
    changes: tuple[mutants.Change, ...] = ()
    patches: tuple[tuple[Any, str, Any], ...] = ()
    """Object, name and other value, where the check needs no process."""


def check_killed_trainer(request: Request) -> None:
    unbroken = request.getfixturevalue("unbroken")
    test_kills.test_a_killed_trainer_is_replaced_and_the_job_ends_as_if_nothing_had_been(
        start(request), unbroken
    )


def check_killed_server(request: Request) -> None:
    test_kills.test_a_trainer_at_work_goes_on_at_work_for_the_next_server(
        request.getfixturevalue("make_service")
    )


def check_orphans(request: Request) -> None:
    test_kills.test_no_helper_outlives_a_killed_server(request.getfixturevalue("make_service"))


def check_failpoint(request: Request) -> None:
    test_failpoints.test_who_is_killed_at_a_point_leaves_nothing_lost_doubled_or_different(
        request.getfixturevalue("tmp_path"),
        request.getfixturevalue("expected"),
        failing.train,
        "report.before_commit",
        6,
    )


def check_revived_trainer(request: Request) -> None:
    service = start(request, "--lease-seconds", "2")
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", **failing.CLOCK)
    test_torture.revive_late(service, job.id, random.Random(1))


def check_full_disk(request: Request) -> None:
    test_full_disk.test_a_full_disk_refuses_new_jobs_fails_none_and_loses_nothing(
        request.getfixturevalue("make_service"), 1
    )


def check_failing_disk(request: Request) -> None:
    with contextlib.closing(
        test_failing_disk.DyingService(request.getfixturevalue("tmp_path") / "data")
    ) as service:
        service.start()
        test_failing_disk.test_a_disk_whose_writes_fail_loses_nothing_that_was_acknowledged(service, 1)


def check_locked_database(request: Request) -> None:
    test_databases.test_a_locked_database_ends_no_attempt_and_loses_nothing(
        request.getfixturevalue("make_service"), 1
    )


def check_killed_postgresql(request: Request) -> None:
    test_databases.test_a_postgresql_that_is_killed_again_and_again_loses_nothing(
        request.getfixturevalue("make_service"), 2
    )


def check_clock(*offsets_s: float) -> Callable[[Request], None]:
    def check(request: Request) -> None:
        service, folder = request.getfixturevalue("service"), request.getfixturevalue("tmp_path")
        test_clock_jumps.check(service, folder, 1, lambda: offsets_s)

    return check


def check_damaged_checkpoint(request: Request) -> None:
    test_damaged_checkpoints.test_damaged_checkpoints_are_told_and_passed_over_and_the_run_ends_as_if_nothing_had_been(
        request.getfixturevalue("make_service"), None, newest=2, seed=1
    )


def check_second_server(request: Request) -> None:
    test_two_servers.test_a_second_server_on_a_folder_is_refused_with_the_pid_of_the_first_also_after_its_kill(
        request.getfixturevalue("make_service")
    )


def check_two_schedulers(request: Request) -> None:
    url, folder = request.getfixturevalue("postgres_url"), request.getfixturevalue("tmp_path")
    asyncio.run(test_two_servers.test_two_schedulers_on_one_postgresql_start_each_job_once(url, folder, 30))


def check_many_clients(request: Request) -> None:
    service = start(request)
    with bessemer.connect(service.address) as client:
        test_many_clients.test_whatever_many_clients_do_at_once_is_answered_as_the_model_says(
            service, client, seed=1, deeds=300
        )


def check_queue(request: Request) -> None:
    url, folder = request.getfixturevalue("sqlite_url"), request.getfixturevalue("tmp_path")
    asyncio.run(test_long_queue.test_jobs_stand_and_start_by_priority_and_then_by_age(url, folder, 40))


def check_watchers(request: Request) -> None:
    watch = test_many_watchers.test_watchers_who_are_cut_at_random_lose_nothing_and_see_nothing_twice
    asyncio.run(watch(start(request), 20))


def start(request: Request, *flags: str) -> Any:
    """A server of the check's own."""
    service = request.getfixturevalue("make_service")("--slots", "1", *flags)
    service.start()
    return service


def start_although_another_was_first(
    connection: sa.Connection, job_id: str, slot: str, token_digest: str, now: Any
) -> Attempt | None:
    """As `attempts.start`, by somebody who does not look whether a start has taken place."""
    try:
        with connection.begin_nested():
            return really_start(connection, job_id, slot, token_digest, now)
    except sa.exc.IntegrityError:
        return Attempt(job_id, 1, slot, 0, now)


really_start = sql_attempts.start
ALL_BEGIN_ANEW = """\
        self._executor, self._slots = executor, slots
        for attempt in await self._store.active_attempts():
            await self.lose(attempt.job_id, attempt.number, losses.from_shutdown(), is_loss=False)
        while True:
"""
REPORTS_ARE_SENT_ONCE = """\
                self._open()
                return pb.ReportResponse(acknowledged_sequence=request.sequence, command="CONTINUE")
            self._requests.put(None)
"""
SILENT_BY_THE_WALL_CLOCK = """\
        late = self._clock() - datetime.timedelta(seconds=self._lease_timeout_s)
        for attempt in [a for a in active if a.lease_time < late]:
            is_busy = False
"""

PROOFS = (
    Proof(
        "an optimizer goes on with the state that it had when its trainer is killed",
        check_killed_trainer,
        r"'train/loss': \[",
        (("training/optimizers/updater.py", "            tensor.copy_(state[name])", "            pass"),),
    ),
    Proof(
        "a server that comes back leaves the trainers at work of the one that was killed",
        check_killed_server,
        r"assert 2 == 1\n.*\.attempt",
        (
            (
                "scheduling/loop.py",
                "        self._executor, self._slots = executor, slots\n        while True:\n",
                ALL_BEGIN_ANEW,
            ),
        ),
    ),
    Proof(
        "helpers end when their server was killed",
        check_orphans,
        r"still there: \[psutil",
        (
            (
                "worker/service.py",
                "stream.read(frames.PREFIX.size):",
                "stream.read(frames.PREFIX.size) or signal.pause():",
            ),
        ),
    ),
    Proof(
        "a report is sent until it is acknowledged, whoever was killed at a failpoint",
        check_failpoint,
        r"'metrics'",
        (("worker/observer.py", "            self._requests.put(None)\n", REPORTS_ARE_SENT_ONCE),),
    ),
    Proof(
        "a failpoint kills who comes there",
        check_failpoint,
        r"report\.before_commit was never reached",
        (("stores/sql/database.py", 'failpoints.hit(f"{name}.before_commit")', "pass"),),
    ),
    Proof(
        "an attempt writes nothing when another one has taken its place while it was stopped",
        check_revived_trainer,
        r"still there: \[psutil",
        (
            ("stores/rules.py", "    if attempt != job.attempt:\n        found", "    if not attempt:\n        found"),
            ("rpc/worker.py", "if job.attempt != attempt.number or not", "if not"),
            test_torture.ELSEWHERE,
        ),
    ),
    Proof(
        "a full disk is told apart from other errors",
        check_full_disk,
        r"DISK_FULL was never told",
        (("stores/sql/fullness.py", "    while error is not None:", "    while False:"),),
    ),
    Proof(
        "a trainer waits for room on its server's disk",
        check_full_disk,
        "failed: INTERNAL",
        (
            (
                "worker/reporting.py",
                "    if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:",
                "    if error:",
            ),
        ),
    ),
    Proof(
        "a silence that a locked database keeps counts against nobody",
        check_locked_database,
        r"== \(1, 1, 'RUNNING'\)",
        (
            ("rpc/worker.py", "with self._scheduler.hearing(attempt):", "if True:"),
            ("stores/rules.py", "if heard is not None and attempt.lease_time != heard:", "if False:"),
            (
                "scheduling/loop.py",
                "is_busy = self._is_ours(attempt) and self._executor.is_busy(attempt)",
                "is_busy = False",
            ),
        ),
    ),
    Proof(
        "a trainer asks again when its server has lost PostgreSQL for a moment",
        check_killed_postgresql,
        r"assert 2 == 1\n.*\.attempt",
        (
            (
                "worker/reporting.py",
                "code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)",
                "code is not None",
            ),
        ),
    ),
    Proof(
        "nobody is told of a write before it was committed",
        check_failing_disk,
        r"assert 2 == 1\n.*attempt",  # the trainer takes what it was told for done
        (
            (
                "stores/sql/writer.py",
                "                return [_run_alone(connection, work) for work in works]\n",
                "                answers = [_run_alone(connection, work) for work in works]\n            return answers\n",
            ),
            ("stores/sql/writer.py", "            connection.invalidate()\n            raise\n", "            connection.invalidate()\n            return answers\n"),
        ),
    ),
    Proof(
        "leases are judged by a clock that nobody sets",
        check_clock(test_clock_jumps.DAY_S),
        r"assert \[\d, \d\] == \[1, 1\]",
        (
            (
                "scheduling/loop.py",
                "        for attempt in self._leases.expired(active, now_s):\n"
                "            is_busy = self._is_ours(attempt) and self._executor.is_busy(attempt)\n",
                SILENT_BY_THE_WALL_CLOCK,
            ),
        ),
    ),
    Proof(
        "no time ends before it began, whatever the clock says",
        check_clock(-test_clock_jumps.DAY_S),
        r"assert \[\('.*',\).*\] == \[\]",
        (
            (
                "stores/rules.py",
                "end_time=max(now, job.start_time or job.create_time) if",
                "end_time=now if",
            ),
        ),
    ),
    Proof(
        "the bytes of a blob are compared with its digest when they are read",
        check_damaged_checkpoint,
        r"assert \[\d+\] == \[\d+, \d+\]",  # the manifest of the newest is looked at elsewhere
        (("blobs/checks.py", "    if digest(data) != name:", "    if False:"),),
    ),
    Proof(
        "one server at a time holds a folder",
        check_second_server,
        r"assert 0\n.*CompletedProcess",
        (("folder.py", "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass"),),
    ),
    Proof(
        "one server starts a job that two see waiting in one PostgreSQL",
        check_two_schedulers,
        r"\('job-\d+', 1\): 2",
        patches=(
            (sql_jobs, "lock", sql_jobs.load),
            (sql_attempts, "start", start_although_another_was_first),
        ),
    ),
    Proof(
        "a retry that is answered is done, whatever other clients do",
        check_many_clients,
        r"Told\(asked='retry', .*state='CANCELLED'",
        (
            ("stores/rules.py", "if job.state in (State.FAILED, State.CANCELLED):", "if job.state is State.FAILED:"),
            (
                "stores/rules.py",
                "    if job.state in (State.QUEUED, State.STARTING, State.RUNNING):",
                "    if job.state in (State.QUEUED, State.STARTING, State.RUNNING, State.CANCELLED):",
            ),
        ),
    ),
    Proof(
        "a queue of thousands is in the order of priority and age",
        check_queue,
        r"assert \{'job-",
        patches=((sql_jobs, "QUEUE", (sql_jobs.jobs.c.rank, sql_jobs.jobs.c.id.desc())),),
    ),
    Proof(
        "a watcher that was cut goes on at its cursor",
        check_watchers,
        r"assert False\n.*all",
        (
            (
                "rpc/feeds.py",
                "        with self._notices.listen(job_id) as changed:\n",
                "        cursor += 0 < cursor < 10\n        with self._notices.listen(job_id) as changed:\n",
            ),
        ),
    ),
)  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.removed)
def test_a_check_fails_without(proof, request, monkeypatch, unbroken, expected):
    """`unbroken` and `expected` come from a service that is whole: they are here before anything is removed."""
    assert unbroken
    assert expected
    if proof.changes:
        folder = request.getfixturevalue("tmp_path")
        monkeypatch.setenv("PYTHONPATH", mutants.make(folder, proof.changes))
    for place, name, value in proof.patches:
        monkeypatch.setattr(place, name, value)
    with pytest.raises((AssertionError, bessemer.JobFailed), match=proof.notice):
        proof.check(request)
