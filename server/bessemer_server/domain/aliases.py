"""Names for versions of a model, which can be moved: `digits-cnn@champion`."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping

from bessemer_server.domain import errors

PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,62}")
"""Begins with a letter, so it is never taken for a version."""
RESERVED = frozenset({"latest", "newest"})
MAX_SHARES = 16
MAX_SHARE = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class Alias:
    """One name of one model. Built by `make`, which checks it."""

    model: str
    name: str
    shares: Mapping[int, int]
    """By version, ascending: its part of the requests, in any unit."""

    @property
    def main(self) -> int:
        """The version with the largest share, of equals the newest."""
        return max(self.shares, key=lambda version: (self.shares[version], version))

    def choose(self, point: float) -> int:
        """The version at a place from 0 to below 1 along the shares: when they change a little, few places change theirs."""
        left = point * sum(self.shares.values())
        for version, share in self.shares.items():
            left -= share
            if left < 0:
                return version
        return max(self.shares)

    def place(self, key: str) -> float:
        """Where requests with this routing key lie, for `choose`: the same on every server, at any time."""
        digest = hashlib.sha256(f"{self.model}@{self.name}/{key}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48


def make(model: str, name: str, shares: Mapping[int, int]) -> Alias:
    """An alias. Raises `InvalidArgument`."""
    violations = [*_check_name(name), *_check_shares(shares)]
    if violations:
        raise errors.InvalidArgument(violations=violations)
    return Alias(model, name, dict(sorted(shares.items())))


def _check_name(name: str) -> list[errors.Violation]:
    if name.lower() in RESERVED:
        text = f"{name!r} is no alias: a request without a version is answered by the newest; choose another word"
    elif not PATTERN.fullmatch(name):
        text = f"must be at most 63 letters, digits and . _ -, the first a letter, but is {name[:80]!r}"
    else:
        return []
    return [errors.Violation("alias", text)]


def _check_shares(shares: Mapping[int, int]) -> list[errors.Violation]:
    if not 1 <= len(shares) <= MAX_SHARES:
        return [errors.Violation("shares", f"must name 1 to {MAX_SHARES} versions, but names {len(shares)}")]
    return [
        errors.Violation(f"shares[{version}]", f"must be from 1 to {MAX_SHARE:,}, but is {share}")
        for version, share in shares.items()
        if not 1 <= share <= MAX_SHARE
    ]
