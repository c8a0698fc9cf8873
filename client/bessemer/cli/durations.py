"""Durations as people write them: 90s, 30m, 8h, 2d."""

from __future__ import annotations

import datetime
import re

import click

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
PATTERN = re.compile(rf"(\d+(?:\.\d+)?)([{''.join(UNITS)}]?)")


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """A number and a unit; seconds without one."""

    name = "duration"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime.timedelta:
        """As a timedelta; ends the command with what would be right otherwise."""
        match = PATTERN.fullmatch(value)
        if not match:
            self.fail(
                f"{value!r} is no duration; write a number and s, m, h or d, e.g. 90s or 1.5h", param, ctx
            )
        number, unit = match.groups()
        try:
            return datetime.timedelta(**{UNITS[unit or "s"]: float(number)})
        except OverflowError:
            self.fail(f"{value!r} is too long", param, ctx)
