"""A trainer that hears that it shall cancel and does not."""

from __future__ import annotations

from typing import Any

import pytest

from bessemer.worker.v1 import worker_pb2 as pb
from bessemer_server.rpc import worker
from bessemer_server.scheduling import notices
from bessemer_server.stores.memory import MemoryStore
from tests.conformance import samples
from tests.unit.scheduling.test_deadlines import NoLogs, overdue


@pytest.mark.parametrize(("grace_s", "state"), [(0.0, "CANCELLED"), (30.0, "CANCELLING")])
async def test_it_is_ended_after_a_while_though_it_reports(monkeypatch, grace_s, state):
    monkeypatch.setattr(worker, "CANCEL_GRACE_S", grace_s)
    store = MemoryStore()
    scheduler, executor, attempt, _ = await overdue(store, 1.0)
    await store.request_cancel("job-1", samples.at(55))
    unused: Any = None
    servicer = worker.WorkerServicer(
        store, unused, scheduler, notices.Notices(), unused, logs=NoLogs(), collector=unused
    )

    async def authenticate(context: Any) -> Any:
        return attempt

    monkeypatch.setattr(servicer, "_authenticate", authenticate)

    async def report_twice():
        for sequence in (1, 2):
            yield pb.ReportRequest(sequence=sequence, run_seconds=2.0)

    told = [answer.command async for answer in servicer.Report(report_twice(), unused)]
    assert told[0] == pb.ReportResponse.CANCEL
    assert (await store.get_job("job-1")).state == state
    assert executor.killed == ([attempt] if state == "CANCELLED" else [])
