"""Which version of a model a text means: a number, an alias, or nothing for the newest."""

from __future__ import annotations

from bessemer_server.domain import aliases, errors, ports
from bessemer_server.domain.models import Model

MAX_VERSION_DIGITS = 9
"""More than any version has, and no more than the database takes."""


def parse(text: str) -> int | str | None:
    """The version, the alias, or None for the newest. Raises `InvalidArgument`."""
    if not text:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= MAX_VERSION_DIGITS and int(text) > 0:
        return int(text)
    if aliases.PATTERN.fullmatch(text):
        return text
    raise errors.InvalidArgument(
        f"failed to get model version from specified version string '{text[:40]}', version should be an integral "
        f"value > 0, or an alias: a letter, then letters, digits and . _ -"
    )


async def find(store: ports.Models, name: str, text: str) -> Model:
    """The version itself; of an alias for several the one with the largest share. Raises `NotFound`, `InvalidArgument`."""
    version = parse(text)
    if isinstance(version, str):
        version = (await store.get_alias(name, version)).main
    return await store.get_model(name, version)
