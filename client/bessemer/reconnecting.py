"""How `watch` and predictions bear a server that goes away. Pure: time is an argument."""

from __future__ import annotations

PAUSES_S = (0.1, 0.2, 0.5, 1.0)
"""Between the tries; the last one is for all further ones."""

RESTART_S = 30.0
"""How long a prediction waits for a server that restarts."""


class Reconnecting:
    """How long to pause before the next try to reach a server that went away. Time is an argument, in seconds."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._away_since_s = 0.0
        self._tries = 0

    def reset(self) -> None:
        """The server has answered: all patience is there again."""
        self._tries = 0

    def choose_pause(self, now_s: float) -> float | None:
        """Seconds until the next try, or None to give up."""
        if self._tries == 0:
            self._away_since_s = now_s
        if now_s - self._away_since_s > self._patience_s:
            return None
        self._tries += 1
        return PAUSES_S[min(self._tries, len(PAUSES_S)) - 1]
