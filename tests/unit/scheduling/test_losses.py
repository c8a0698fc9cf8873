"""What is said of an attempt that ended without telling its outcome, with evidence and a next step."""

from __future__ import annotations

import signal

import pytest

from bessemer_server.domain.jobs import Exit, Failure, Reason
from bessemer_server.executors import memory
from bessemer_server.scheduling import evidence, losses
from bessemer_server.stores.memory import MemoryStore
from tests.conformance import samples


@pytest.mark.parametrize(
    ("end", "reason", "seen", "hint"),
    [
        (Exit("j", 1, -signal.SIGKILL), Reason.WORKER_KILLED, {"signal": "signal 9 (SIGKILL)"}, "batch_size"),
        (Exit("j", 1, -signal.SIGSEGV), Reason.WORKER_KILLED, {"signal": "signal 11 (SIGSEGV)"}, "native code"),
        (Exit("j", 1, -signal.SIGKILL, memory_kills=2), Reason.OUT_OF_MEMORY_HOST,
         {"signal": "signal 9 (SIGKILL)", "memory_kills": "2"}, "batch_size"),
        (Exit("j", 1, -signal.SIGTERM, memory_kills=2), Reason.WORKER_KILLED, {"signal": "signal 15 (SIGTERM)"}, ""),
        (Exit("j", 1, None, memory_kills=2), Reason.WORKER_LOST, {"memory_kills": "2"}, "batch_size"),
        (Exit("j", 1, 5), Reason.INTERNAL, {"exit_status": "5"}, "bessemer jobs logs"),
    ],
)  # fmt: skip
def test_an_exit_is_told_with_its_figures(end, reason, seen, hint):
    failure = losses.from_exit(end)
    assert (failure.reason, failure.evidence) == (reason, seen)
    assert failure.message
    assert hint in failure.next_step


async def test_silence_and_shutdown_have_a_next_step():
    attempt = await samples.begin(MemoryStore())
    silence = losses.from_silence(attempt, 10.0)
    assert silence.reason is Reason.WORKER_LOST
    assert silence.evidence["silent_seconds"] == "10"
    assert silence.evidence["last_heard"] == samples.START.isoformat()
    assert silence.next_step
    assert losses.from_shutdown().next_step


class Logs:
    """A trainer's last line, which is brought when it is asked for."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def collect(self, job_id: str, attempt: int) -> None:
        from bessemer_server.domain.logs import PrintedLine

        lines = [PrintedLine(n, f"line {n}") for n in range(1, 31)]
        await self._store.append_log(job_id, attempt, lines, samples.START)

    def is_open(self, job_id: str) -> bool:
        return False


async def test_a_failure_is_completed_with_progress_metrics_and_the_last_lines():
    store = MemoryStore()
    await samples.begin(store)
    await store.report("job-1", 1, [samples.epoch_metric(1, 0.25)], samples.progress(12), samples.START)
    failure = Failure(Reason.INTERNAL, "broke", "mend", {"step": "13", "signal": "9"})
    told = await evidence.complete(store, Logs(store), "job-1", 1, failure)
    seen = dict(told.evidence)
    assert seen.pop("log").splitlines() == [f"line {n}" for n in range(11, 31)]
    assert seen == {"attempt": "1", "epoch": "2", "step": "13", "last val/loss": "0.25", "signal": "9"}


def test_the_kernels_count_is_read_and_its_absence_is_zero(tmp_path):
    file = tmp_path / "vmstat"
    file.write_text("nr_free_pages 12\noom_kill 3\n")
    assert memory.count_kills(file) == 3
    assert memory.count_kills(tmp_path / "none") == 0
    assert memory.count_kills() >= 0
