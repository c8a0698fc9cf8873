"""Renders `docs/states.md` from the table of legal moves in `bessemer_server.domain.states`.

python -m tools.render_states            write the page
python -m tools.render_states --check    exit with 1 when the page is not what would be written
"""

from __future__ import annotations

import pathlib
import sys

from bessemer_server.domain import states

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "states.md"
MEANINGS = {
    states.State.QUEUED: "accepted, waits for a slot; also between two attempts",
    states.State.STARTING: "has a slot; its trainer has not reported yet",
    states.State.RUNNING: "its trainer reports",
    states.State.PAUSING: "asked to stop and keep its place",
    states.State.PAUSED: "stopped, can go on",
    states.State.CANCELLING: "asked to stop; its trainer has not stopped yet",
    states.State.CANCELLED: "stopped on request; queued again when somebody retries it",
    states.State.SUCCEEDED: "done: its model is published, or its predictions can be read",
    states.State.FAILED: "ended with a reason; queued again when somebody retries it",
}


def render() -> str:
    """The whole page as Markdown."""
    return "\n".join([*_introduction(), "", "```mermaid", *_diagram(), "```", "", *_table(), ""])


def _introduction() -> list[str]:
    return [
        "# States of a job",
        "",
        "<!-- Written by tools/render_states.py from server/bessemer_server/domain/states.py: edit those, then run",
        "     `make docs`. -->",
        "",
        "A job is in one state at a time, and every change of it is one of these moves: the store refuses any other, in the",
        "same transaction that would have made it. Each move is an event that watchers see.",
    ]


def _diagram() -> list[str]:
    moves = [
        f"    {source} --> {target}" for source in states.State for target in _ordered(states.MOVES[source])
    ]
    ends = [f"    {state} --> [*]" for state in states.State if state.is_terminal]
    return ["stateDiagram-v2", f"    [*] --> {states.State.QUEUED}", *moves, *ends]


def _table() -> list[str]:
    rows = [
        f"| `{state}` | {MEANINGS[state]} | {'yes' if state.is_active else 'no'} | {_targets(state)} |"
        for state in states.State
    ]
    return ["| state | a job in it | holds a slot | may become |", "|---|---|---|---|", *rows]


def _targets(state: states.State) -> str:
    return ", ".join(f"`{target}`" for target in _ordered(states.MOVES[state])) or "nothing else, ever"


def _ordered(targets: frozenset[states.State]) -> list[states.State]:
    return [state for state in states.State if state in targets]


def main() -> int:
    """Write the page, or compare with `--check`."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(render(), encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == render():
        return 0
    print("docs/states.md is not what domain/states.py gives: run `make docs`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
