"""Named places at which a test can have a process killed, as if by `kill -9`, at this very moment.

Where the environment names no folder, `hit` compares one variable with None. Where it does, a file in that folder arms the
point it is named after: `2` kills the process that comes there for the second time. The file is gone before the process is,
so that whoever takes its place passes, and a test sees which points were reached. After etcd's gofail, whose points are
armed by the environment as well; ours can also be armed while a server runs.
"""

from __future__ import annotations

import os
import pathlib
import signal
import threading
from collections.abc import Mapping

VARIABLE = "BESSEMER_FAILPOINTS"
"""Environment variable with the folder. Not a setting: nobody but a test has a use for it."""

WRITES = (
    "create_job", "start_attempt", "set_pid", "pin_threads", "report", "hold_blobs", "put_blobs",
    "commit_checkpoint", "record_pictures", "succeed", "complete", "fail", "release", "request_cancel", "confirm_cancel",
    "request_pause", "resume", "retry", "delete_job", "mark_damaged", "create_dataset", "release_blobs",
    "delete_dataset", "drop_holds", "collect_blobs", "append_log", "set_alias", "delete_alias", "delete_model",
    "import_model",
)  # fmt: skip
"""Each write of the SQL store: killed in its transaction, and when it is durable but nobody knows."""
SERVER = {
    "migration.statement": "a statement of a migration is about to run",
    "migration.before_commit": "the schema is the new one, in a transaction",
    "migration.after_commit": "the schema is the new one",
    "start.opened": "the server has opened the database and is about to build the service",
    "start.serving": "clients can call, trainers too; nothing has been scheduled",
    "spawn.before": "an attempt is in the store and its trainer not yet forked",
    "spawn.after": "a trainer is forked and its server does not know its process id",
    "exit.noticed": "a trainer has ended and its attempt is not yet settled",
    "upload.spooled": "the bytes of a data set lie on the disk, nobody has looked at them",
    "upload.checked": "a data set is found good, none of it is in the database",
    "drain.begun": "the server was told to stop and its trainers not yet",
    "drain.ended": "every trainer has saved and ended, the server is about to end",
}
TRAINER = {
    "trainer.begun": "a trainer knows its address and its token, and nothing else",
    "trainer.assigned": "it knows what to train, and has the checkpoint to go on from",
    "trainer.before_report": "it is about to report",
    "trainer.after_report": "a report was acknowledged",
    "trainer.before_upload": "a checkpoint is copied, none of it is sent",
    "trainer.after_upload": "its blobs are in the store and no row says so",
    "trainer.before_checkpoint": "all that the checkpoint builds on is acknowledged",
    "trainer.after_checkpoint": "the checkpoint is visible",
    "trainer.before_pictures": "a generator has drawn, and not shown",
    "trainer.after_pictures": "what it has drawn is in the store",
    "trainer.before_finish": "the last weights, or all predictions, are in the store, and nothing says that the job has ended",
    "trainer.after_finish": "the job has ended, the trainer is still there",
}
BACKUP = {
    "backup.copied": "a backup is copied, and not yet looked into",
    "backup.checked": "a backup is whole on the disk, and does not have its name",
    "restore.copied": "a backup lies beside the database to be, and is not yet looked into",
    "restore.checked": "it was found whole, and is not yet the database",
}
POINTS: Mapping[str, str] = {
    **{f"{name}.before_commit": f"in the transaction of `{name}`, with its changes made" for name in WRITES},
    **{f"{name}.after_commit": f"`{name}` is durable, and nobody was told" for name in WRITES},
    **SERVER,
    **TRAINER,
    **BACKUP,
}
"""Every point, and what is the case when a process is there."""

_folder: pathlib.Path | None = None
_one_at_a_time = threading.Lock()


def enable(environment: Mapping[str, str]) -> None:
    """Look at the folder that the environment names, if it does. Called once, where a process begins."""
    global _folder  # noqa: PLW0603 - a parameter through every room would be the price of a switch for tests
    named = environment.get(VARIABLE)
    _folder = pathlib.Path(named) if named else None


def hit(name: str) -> None:
    """Be killed here if a test wants it."""
    if _folder is not None:
        _pass(_folder / name)


def _pass(file: pathlib.Path) -> None:
    with _one_at_a_time:
        try:
            passes_left = int(file.read_text())
        except FileNotFoundError:
            return
        if passes_left > 1:
            file.write_text(str(passes_left - 1))
            return
        file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
