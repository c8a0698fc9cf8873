"""`--set path=value`: changes to a specification, as its paths are written in errors."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from bessemer import _specs

KEYS = tuple(_specs.FILL)


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
        value = text.split(",") if path == "metrics" and text[:1] != "[" else _parse_value(text)
        # A label may hold dots.
        _assign(found, path.split(".", 1 if path.startswith("class_weights.") else -1), value)
    return found


def flatten(spec: Mapping[str, Any]) -> list[str]:
    """The settings of a job's specification as assignments that `parse` reads back; those of predictions are shown likewise."""
    if "model" in spec:
        return [f"{key}={value}" for key, value in spec.items()]
    found: list[str] = []
    for key in KEYS:
        value = spec.get(key)
        if isinstance(value, Mapping):
            found += [f"{key}.{name}={_format_value(part)}" for name, part in sorted(value.items())]
        elif value is not None:
            found.append(f"{key}={_format_value(value)}")
    return found


def _format_value(value: Any) -> str:
    is_plain_text = isinstance(value, str) and _parse_value(value) == value
    return str(value) if is_plain_text else json.dumps(value)


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
