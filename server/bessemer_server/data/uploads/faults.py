"""Faults of uploaded items: the first few are kept, the others counted, so that a million of them cost nothing."""

from __future__ import annotations

from bessemer_server.domain import errors

SHOWN = 11


class Faults:
    """Collects what is wrong."""

    def __init__(self) -> None:
        self._shown: list[errors.Violation] = []
        self._next = ""
        self.count = 0

    def add(self, item: str, description: str) -> None:
        """One fault: the path of a file, or a place in it, and what is wrong with it and what would be right."""
        self.count += 1
        if len(self._shown) < SHOWN:
            self._shown.append(errors.Violation(item, description))
        else:
            self._next = self._next or item

    def raise_any(self) -> None:
        """Raise `errors.InvalidArgument` with the faults, if there are any."""
        if not self.count:
            return
        hidden = self.count - len(self._shown)
        others = f"this and {hidden - 1:,} more are wrong too" if hidden > 1 else "this is wrong too"
        rest = [errors.Violation(self._next, others)] if hidden else []
        raise errors.InvalidArgument(violations=[*self._shown, *rest], reason="INVALID_DATA")
