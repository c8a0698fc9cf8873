"""Bytes of stored checkpoints are flipped, for real: that is found whenever a trainer would go on from them, told, and an
older checkpoint used; and the results are those of the run to which nothing happened."""

import contextlib
import json
import random
import sqlite3
from typing import Any

import numpy as np
import pytest

import bessemer

SPEC: dict[str, Any] = {
    "dataset": "digits", "epochs": 6, "seed": 3, "batch_size": 32, "options": {"filters": [4, 8], "units": 16},
    "checkpoint": {"every_steps": 10, "keep_last": 4},
}  # fmt: skip


@pytest.fixture(scope="module")
def unbroken(service):
    """The run to which nothing happens."""
    with bessemer.connect(service.address) as client:
        yield client.train("mnist_cnn", **SPEC).wait(progress=False)


def stop_after(service, checkpoints):
    """A job with so many checkpoints whose trainer and server were killed; its id."""
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        for event in job.watch():
            checkpoints -= isinstance(event, bessemer.CheckpointSaved)
            if not checkpoints:
                break
        everyone = service.processes()
    for process in reversed(everyone):
        process.kill()
    service.kill()
    return job.id


def flip(service, newest, seed):
    """Flip a bit of each of the `newest` checkpoints: of the last one in its manifest, of the others in a blob of a tensor that no
    older one has; their steps, newest first.
    """
    draw = random.Random(seed)
    with contextlib.closing(sqlite3.connect(service.data_dir / "bessemer.db")) as database, database:
        query = (
            "SELECT step, manifest, data FROM checkpoints JOIN blobs ON digest = manifest ORDER BY step DESC"
        )
        rows = database.execute(query).fetchall()
        held = {
            step: [d for t in json.loads(data)["tensors"] for d in t["digests"]] for step, _, data in rows
        }
        held[rows[0][0]] = [rows[0][1]]
        steps = list(held)[:newest]
        for step in steps:
            older = {digest for other, digests in held.items() if other < step for digest in digests}
            digest = draw.choice([digest for digest in held[step] if digest not in older])
            (data,) = database.execute("SELECT data FROM blobs WHERE digest = ?", (digest,)).fetchone()
            flipped = bytearray(data)
            flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            database.execute("UPDATE blobs SET data = ? WHERE digest = ?", (bytes(flipped), digest))
    return steps, [step for step in held if step not in steps]


@pytest.mark.parametrize(("newest", "seed"), [(2, 1), pytest.param(4, 2, marks=pytest.mark.long)])
def test_damaged_checkpoints_are_told_and_passed_over_and_the_run_ends_as_if_nothing_had_been(
    make_service, unbroken, newest, seed
):
    service = make_service("--lease-seconds", "2")
    job_id = stop_after(service, checkpoints=6)
    damaged, sound = flip(service, newest, seed)
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.jobs.get(job_id).wait(progress=False)
        events = list(job.watch())
        told = [event for event in events if isinstance(event, bessemer.CheckpointDamaged)]
        assert [event.step for event in told] == damaged
        instead = f"from the one of step {sound[0]}" if sound else "again from step 0"
        assert told[-1].message.endswith(instead)
        (running,) = (
            e
            for e in events
            if isinstance(e, bessemer.StateChanged) and (e.state, e.attempt) == ("RUNNING", 2)
        )
        assert running.message == told[-1].message
        assert job.attempt == 2
        assert not any(checkpoint.damaged for checkpoint in job.checkpoints())
        assert job.history.steps == unbroken.history.steps
        assert dict(job.history) == dict(unbroken.history)
        images = np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8) % 17
        assert job.model
        ours, theirs = job.model.predict(images), unbroken.model.predict(images)
        assert [p.probabilities for p in ours] == [p.probabilities for p in theirs]
    assert service.log().count("a blob is damaged") == newest


def count_unneeded(service):
    """Blobs that nothing refers to and nobody holds."""
    tables = ("checkpoint_blobs", "model_blobs", "dataset_blobs", "blob_holds")
    conditions = " AND ".join(f"digest NOT IN (SELECT digest FROM {table})" for table in tables)
    with contextlib.closing(
        sqlite3.connect(f"file:{service.data_dir}/bessemer.db?mode=ro", uri=True)
    ) as database:
        return database.execute(f"SELECT count(*) FROM blobs WHERE {conditions}").fetchone()[0]


def test_blobs_that_nothing_needs_are_gone_soon_after_a_job_has_ended(service, client):
    job = client.train("mlp", dataset="iris", epochs=4, checkpoint={"keep_last": 1}).wait(progress=False)
    (last,) = job.checkpoints()
    assert last.epoch == 4
    clock = client.train("mlp", dataset="iris", epochs=1_000_000, checkpoint={"every_epochs": 0})
    try:
        counts = (count_unneeded(service) for _ in clock.watch())
        assert 0 in counts
    finally:
        clock.cancel()
