"""`--set path=value`: changes to a specification, as its paths are written in errors."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any

import click

KEYS = (
    "options",
    "optimizer",
    "early_stopping",
    "validation_split",
    "test_split",
    "epochs",
    "batch_size",
    "seed",
)


def parse(assignments: Sequence[str]) -> dict[str, Any]:
    """Arguments of `Client.train` from `options.dropout=0.3`, `optimizer=sgd`, `optimizer.learning_rate=0.01`.

    Values are JSON, or else strings. Raises `click.UsageError`.
    """
    found: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise click.UsageError(
                f"--set takes path=value, e.g. options.dropout=0.3, but got {assignment!r}"
            )
        _assign(found, path.split("."), _parse_value(text))
    return found


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _assign(found: dict[str, Any], path: list[str], value: Any) -> None:
    if path[0] not in KEYS:
        near = difflib.get_close_matches(path[0], KEYS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(KEYS)}"
        raise click.UsageError(f"--set: there is no setting {path[0]!r}; {hint}")
    if path == ["optimizer"] and isinstance(value, str):
        path = ["optimizer", "kind"]
    target = found
    for key in path[:-1]:
        target = target.setdefault(key, {})
        if not isinstance(target, dict):
            raise click.UsageError(
                f"--set {'.'.join(path)}: {key} was set to {target!r} before, which has no parts"
            )
    target[path[-1]] = value
