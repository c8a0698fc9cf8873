"""The table of legal moves."""

import pytest

from bessemer_server.domain import errors, states
from bessemer_server.domain.states import State


def test_terminal_states_are_those_that_the_interface_names():
    assert {State.CANCELLED, State.SUCCEEDED, State.FAILED} == states.TERMINAL


def test_every_state_can_reach_an_end():
    for start in State:
        reached, frontier = {start}, [start]
        while frontier:
            for target in states.MOVES[frontier.pop()] - reached:
                reached.add(target)
                frontier.append(target)
        assert reached & states.TERMINAL, start


def test_a_legal_move_passes():
    states.check_move(State.QUEUED, State.STARTING)


def test_an_illegal_move_names_both_states():
    with pytest.raises(errors.FailedPrecondition, match="SUCCEEDED cannot become RUNNING"):
        states.check_move(State.SUCCEEDED, State.RUNNING)
