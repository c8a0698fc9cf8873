"""What the service answers to whom asks something of a job, by the state that the job is in: written from the promises
of the API, not from the code.
"""

from __future__ import annotations

Q, S, R = "QUEUED", "STARTING", "RUNNING"
ENDED = ("CANCELLED", "SUCCEEDED", "FAILED")
REFUSED, GONE = "refused", "gone"

ANSWERS: dict[str, dict[str, str]] = {
    "cancel": {
        **dict.fromkeys((Q, "PAUSED", "CANCELLED"), "CANCELLED"),
        **dict.fromkeys((S, R, "PAUSING", "CANCELLING"), "CANCELLING"),
        **dict.fromkeys(("SUCCEEDED", "FAILED"), REFUSED),
    },
    "pause": {
        **dict.fromkeys((Q, "PAUSED"), "PAUSED"),
        **dict.fromkeys((S, R, "PAUSING"), "PAUSING"),
        **dict.fromkeys(("CANCELLING", *ENDED), REFUSED),
    },
    "resume": {
        **{state: state for state in (Q, S, R)},
        "PAUSED": Q,
        **dict.fromkeys(("PAUSING", "CANCELLING", *ENDED), REFUSED),
    },
    "retry": {
        **{state: state for state in (Q, S, R)},
        **dict.fromkeys(("CANCELLED", "FAILED"), Q),
        **dict.fromkeys(("PAUSING", "PAUSED", "CANCELLING", "SUCCEEDED"), REFUSED),
    },
    "delete": {
        **dict.fromkeys(ENDED, GONE),
        **dict.fromkeys((Q, S, R, "PAUSING", "PAUSED", "CANCELLING"), REFUSED),
    },
}
"""The state afterwards, by what is asked and the state before."""


def explains(asked: str, state: str, before: str | None) -> bool:
    """Whether a job that is in `state` after this was asked may be so: nothing had to be done, or it came from `before`
    just then.
    """
    answers = ANSWERS[asked]
    return answers[state] == state or (before is not None and answers[before] == state)
