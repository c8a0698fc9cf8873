"""How `watch` bears a server that goes away."""

from bessemer.reconnecting import Reconnecting


def test_the_pauses_grow_to_a_second():
    tries = Reconnecting(60)
    assert [tries.choose_pause(0) for _ in range(6)] == [0.1, 0.2, 0.5, 1.0, 1.0, 1.0]


def test_patience_is_counted_from_the_first_failure():
    tries = Reconnecting(60)
    assert tries.choose_pause(1000) == 0.1
    assert tries.choose_pause(1060) == 0.2
    assert tries.choose_pause(1060.1) is None


def test_an_answer_gives_all_patience_back():
    tries = Reconnecting(60)
    tries.choose_pause(0)
    tries.reset()
    assert tries.choose_pause(1000) == 0.1
