"""What a model needs at the least, before any training: a job that can only die is refused when it is submitted."""

from __future__ import annotations

import os

from bessemer_server.domain import errors

BYTES_PER_PARAMETER = 4 * 3
"""float32 weights, their gradients, and one slot of the optimizer or the copy of a checkpoint. Samples and activations
come on top of that and are not counted."""


def host_bytes() -> int:
    """Physical memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check(parameters: int, available_bytes: int) -> None:
    """Raise `errors.InvalidArgument` when the parameters alone cannot be trained in this much memory."""
    needed = parameters * BYTES_PER_PARAMETER
    if needed <= available_bytes:
        return
    description = (
        f"make a model of {parameters:,} parameters, which takes at least {needed / 2**30:,.1f} GiB to train, but this "
        f"machine has {available_bytes / 2**30:,.1f} GiB; use fewer or smaller layers"
    )
    raise errors.InvalidArgument(violations=[errors.Violation("options", description)])
