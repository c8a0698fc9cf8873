"""The server or the trainer is killed at each named point, for real: no job is lost, doubled, or other than it would have
been."""

import pathlib

import pytest

import bessemer
from bessemer_server.domain import failpoints
from tests.faults import failing, results

TIMES = 10
"""How often each point is armed in the long form, each time for another pass."""
QUICK = ("commit_checkpoint.before_commit",)
WAYS = {
    failing.train: {
        "create_job": 2, "start_attempt": 2, "set_pid": 2, "pin_threads": 2, "report": 6, "hold_blobs": 20,
        "put_blobs": 20, "commit_checkpoint": 20, "succeed": 2, "drop_holds": 2, "collect_blobs": 1, "append_log": 2,
        "migration.statement": 30, "migration.before_commit": 1, "migration.after_commit": 1, "start.opened": 1, "start.serving": 1, "spawn.before": 2, "spawn.after": 2, "exit.noticed": 2,
        "trainer.begun": 2, "trainer.assigned": 2, "trainer.before_report": 6, "trainer.after_report": 6,
        "trainer.before_upload": 20, "trainer.after_upload": 20, "trainer.before_checkpoint": 20,
        "trainer.after_checkpoint": 20, "trainer.before_finish": 2, "trainer.after_finish": 2,
    },
    failing.pause: {"request_pause": 1, "resume": 1, "release": 1},
    failing.stop: {"request_cancel": 2, "confirm_cancel": 2, "retry": 1, "delete_job": 1},
    failing.fail: {"fail": 1},
    failing.upload: {
        "upload.spooled": 1, "upload.checked": 1, "create_dataset": 1, "release_blobs": 1, "delete_dataset": 1,
    },
    failing.name_and_delete: {"set_alias": 1, "delete_alias": 1, "delete_model": 1},
    failing.send_model: {"import_model": 1},
    failing.generate: {"record_pictures": 2, "trainer.before_pictures": 2, "trainer.after_pictures": 2},
    failing.drain: {"drain.begun": 1, "drain.ended": 1},
    failing.damage: {"mark_damaged": 1},
    failing.predict: {"complete": 1},
    failing.back_up: {"backup.copied": 1, "backup.checked": 1, "restore.copied": 1, "restore.checked": 1},
}  # fmt: skip
"""By what is done: the points that are then reached, or the writes, and how often at least."""


def reached():
    """(what is done, point, passes) for every point."""
    for way, names in WAYS.items():
        for name, passes in names.items():
            for point in (
                [name] if name in failpoints.POINTS else [f"{name}.before_commit", f"{name}.after_commit"]
            ):
                yield way, point, passes


def cases():
    for way, point, passes in reached():
        for time in range(TIMES):
            marks = () if point in QUICK and time == 0 else pytest.mark.long
            # Spread over all passes: the first, the last, and what lies between.
            count = 1 + time * (passes - 1) // (TIMES - 1) if point not in QUICK or time else min(2, passes)
            yield pytest.param(way, point, count, marks=marks, id=f"{point}-{time}")


def test_every_point_is_killed_at():
    assert sorted(point for _, point, _ in reached()) == sorted(failpoints.POINTS)


@pytest.mark.parametrize(("way", "point", "passes"), list(cases()))
def test_who_is_killed_at_a_point_leaves_nothing_lost_doubled_or_different(
    tmp_path: pathlib.Path, expected, way, point, passes
):
    service = failing.PhoenixService(
        tmp_path / "data", "--slots", "1", "--lease-seconds", "3", "--back-off-seconds", "0.5"
    )
    service.arm(point, passes)
    try:
        service.begin()
        with bessemer.connect(service.address) as client:
            job = way(failing.Persistent(client), service)
            service.wait_until_reached(point)
            if job is not None:
                assert job.state == "SUCCEEDED"
                assert results.read(service.data_dir, job.id) == expected
    finally:
        service.close()
    results.check_whole(service.data_dir)
