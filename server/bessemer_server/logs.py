"""Logging: `key=value` lines on a terminal, JSON lines elsewhere, always on standard error.

The rooms log with the standard library alone, `log.info("what happened", extra={"job": ...})`; only here is decided how
that looks.
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
import time

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

GRPC = "grpc._cython.cygrpc"


def configure(level: str) -> None:
    """Show what this service logs from `level` on, and what its libraries warn of."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter() if sys.stderr.isatty() else JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("bessemer_server").setLevel(level.upper())
    logging.getLogger(GRPC).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """False of an answer that could not be sent since the caller had gone: a traceback for each would add to the load."""
    return not record.getMessage().startswith("ExecuteBatchError")


def fields(record: logging.LogRecord) -> dict[str, object]:
    """What was given as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class LineFormatter(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, message and fields; a traceback below."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        words = [f"{name}={value}" for name, value in fields(record).items()]
        line = " ".join([clock, f"{record.levelname.lower():<7}", record.getMessage(), *words])
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """For programs: one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Keys `time` (UTC), `level`, `logger`, `event`, the fields, and `exception`."""
        entry = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)
