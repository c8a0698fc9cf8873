"""What a job leaves, read from the database itself, to be compared to the last bit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pathlib
import sqlite3
from typing import Any


def read(data_dir: pathlib.Path, job_id: str) -> dict[str, Any]:
    """Every metric of every step, the digests of the model's weights, and those of the pictures that were drawn."""
    with contextlib.closing(_open(data_dir)) as database:
        metrics = database.execute(
            "SELECT scope, name, step, epoch, value FROM metrics WHERE job_id = ? ORDER BY scope, name, step",
            (job_id,),
        ).fetchall()
        (weights,) = database.execute("SELECT weights FROM models WHERE job_id = ?", (job_id,)).fetchone()
        pictures = database.execute(
            "SELECT epoch, data FROM pictures WHERE job_id = ? ORDER BY epoch", (job_id,)
        ).fetchall()
    drawn = [(epoch, hashlib.sha256(data).hexdigest()) for epoch, data in pictures]
    return {"metrics": metrics, "weights": json.loads(weights)["tensors"], "pictures": drawn}


def read_state(data_dir: pathlib.Path, job_id: str) -> str:
    """The state of a job as the database has it."""
    with contextlib.closing(_open(data_dir)) as database:
        return str(database.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()[0])


def most_losses(data_dir: pathlib.Path) -> int:
    """Attempts in a row, without a checkpoint between them, that any job at work has lost."""
    with contextlib.closing(_open(data_dir)) as database:
        query = "SELECT coalesce(max(losses), 0) FROM jobs WHERE state IN ('QUEUED', 'STARTING', 'RUNNING')"
        return int(database.execute(query).fetchone()[0])


def late_writes(data_dir: pathlib.Path, job_id: str) -> list[int]:
    """Cursors of what an attempt left after the next one had begun."""
    with contextlib.closing(_open(data_dir)) as database:
        rows = database.execute("SELECT cursor, body FROM events WHERE job_id = ? ORDER BY cursor", (job_id,))
        newest, late = 0, []
        for cursor, text in rows:
            body = json.loads(text)
            attempt = body.get("attempt") or body.get("checkpoint", {}).get("attempt") or newest
            newest = max(newest, attempt)
            if attempt < newest:
                late.append(cursor)
    return late


def check_whole(data_dir: pathlib.Path) -> None:
    """What holds of the database at any time."""
    with contextlib.closing(_open(data_dir)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        gaps = """SELECT jobs.id FROM jobs LEFT JOIN events ON events.job_id = jobs.id WHERE delete_time IS NULL
            GROUP BY jobs.id HAVING count(cursor) <> last_cursor OR max(cursor) <> last_cursor"""
        assert database.execute(gaps).fetchall() == []
        assert database.execute("SELECT request_id FROM jobs GROUP BY 1 HAVING count(*) > 1").fetchall() == []


def _open(data_dir: pathlib.Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{data_dir}/bessemer.db?mode=ro", uri=True)
