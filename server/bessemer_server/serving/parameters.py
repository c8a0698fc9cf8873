"""Parameters of a prediction request: those that the protocol knows, in its words. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from bessemer_server.domain import errors

Given = Mapping[str, tuple[str, Any]]
"""By name: the kind that was set (`int64_param`, ...; empty for none) and the value."""

RESERVED = "triton_"
ALLOWED = frozenset({"triton_enable_empty_final_response"})
ROUTING_KEY = "routing_key"
KINDS = ("bool_param", "int64_param", "string_param", "double_param")


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """Of one request."""

    priority: int = 0
    """1 goes first; 0 is the default, behind all that have one."""
    timeout_s: float | None = None
    """For so long it may wait for the predictor."""

    def patience_s(self, timeout_s: float | None) -> float:
        """So long it may wait, of what the caller has left too; infinite where neither says."""
        if timeout_s is None:
            return math.inf if self.timeout_s is None else self.timeout_s
        return timeout_s if self.timeout_s is None else min(timeout_s, self.timeout_s)


NONE = Parameters()


def parse(given: Given) -> Parameters:
    """Raises `InvalidArgument` for a kind that does not fit, and for reserved names that nobody knows."""
    if not given:
        return NONE
    for name, (kind, _) in given.items():
        _check(name, kind)
    return Parameters(_priority(given), _timeout_s(given))


def classes(given: Given, output: str) -> int:
    """How many of the likeliest classes an output is asked for; 0 for the output itself."""
    if "classification" not in given:
        return 0
    kind, count = given["classification"]
    if kind != "int64_param":
        raise _wrong_kind("classification", "int64_param")
    if count <= 0:
        raise errors.InvalidArgument(
            f"invalid value for 'classification' parameter of output '{output}', must be > 0, got {count}"
        )
    return int(count)


def _check(name: str, kind: str) -> None:
    if name in ("priority", "timeout"):
        return
    if name.startswith(RESERVED) and name not in ALLOWED:
        raise errors.InvalidArgument(
            f"parameter keys starting with '{RESERVED}' are reserved, and '{name}' is none of those that are known: "
            f"{', '.join(sorted(ALLOWED))}"
        )
    if name == ROUTING_KEY and kind != "string_param":
        raise _wrong_kind(name, "string_param")
    if kind not in KINDS:
        raise _wrong_kind(name, "int64_param, bool_param, double_param or string_param")


def _priority(given: Given) -> int:
    kind, value = given.get("priority", ("uint64_param", 0))
    if kind not in ("uint64_param", "int64_param") or value < 0:
        raise _wrong_kind("priority", "uint64_param, or int64_param of 0 or more")
    return int(value)


def _timeout_s(given: Given) -> float | None:
    kind, value = given.get("timeout", ("int64_param", 0))
    if kind not in ("uint64_param", "int64_param") or value < 0:
        raise _wrong_kind("timeout", "int64_param, microseconds")
    return value / 1e6 if value else None


def _wrong_kind(name: str, expected: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(f"invalid value type for '{name}' parameter, expected {expected}")
