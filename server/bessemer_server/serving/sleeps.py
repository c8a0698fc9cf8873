"""How often this thread had nothing to do."""

from __future__ import annotations

import resource

_THREAD = getattr(resource, "RUSAGE_THREAD", None)


def count() -> int:
    """Since it began; always 0 where the system does not say (any but Linux)."""
    return 0 if _THREAD is None else resource.getrusage(_THREAD).ru_nvcsw
