"""What the server knows of a failed attempt beyond what the trainer said."""

from __future__ import annotations

import dataclasses

from bessemer_server.domain import ports
from bessemer_server.domain.jobs import Failure

LOG_LINES = 20
LOG_CHARACTERS = 4000


async def complete(
    store: ports.Store, logs: ports.Logs, job_id: str, attempt: int, failure: Failure
) -> Failure:
    """The failure with how far the attempt was, the last metrics and the last lines that its trainer printed. What the
    failure brings itself stays.
    """
    await logs.collect(job_id, attempt)
    job = await store.get_job(job_id)
    seen = {"attempt": str(attempt)}
    if job.progress.epochs:
        seen["epoch"] = str(job.progress.epoch)
    if job.progress.steps:
        seen["step"] = str(job.progress.step)
    seen |= {f"last {name}": repr(value) for name, value in sorted(job.metrics.items())}
    lines = await store.last_log_lines(job_id, attempt, LOG_LINES)
    if lines:
        seen["log"] = "\n".join(line.text for line in lines)[-LOG_CHARACTERS:]
    return dataclasses.replace(failure, evidence={**seen, **failure.evidence})
