"""The service with a clock that a file sets: so many seconds from the true time, of several numbers any one each time that it is
asked. Trainers keep the true one.
"""

from __future__ import annotations

import datetime
import importlib
import os
import pathlib
import random
import sys
import types


class _Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        offset_s = float(random.choice(pathlib.Path(os.environ["BESSEMER_TEST_CLOCK"]).read_text().split()))
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=offset_s)


def main() -> None:
    """Run the command with each of its modules that asks for the time asking us."""
    importlib.import_module("bessemer_server.app")
    clock = types.SimpleNamespace(
        datetime=_Jumping, timedelta=datetime.timedelta, UTC=datetime.UTC, timezone=datetime.timezone
    )
    for name, module in list(sys.modules.items()):
        if name.startswith("bessemer_server.") and vars(module).get("datetime") is datetime:
            module.datetime = clock  # type: ignore[attr-defined]
    importlib.import_module("bessemer_server.cli").main()


if __name__ == "__main__":
    main()
