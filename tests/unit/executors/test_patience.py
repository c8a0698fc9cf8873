"""How long a batch may take before its process is taken for stuck."""

from bessemer_server.executors.patience import LEAST_S, MOST_S, Patience

MIB = 1 << 20


def test_a_quick_model_has_ten_seconds_and_a_slow_one_as_many_times_as_long_as_it_took():
    patience = Patience()
    patience.observe("quick", 1, 0.001)
    patience.observe("slow", 4, 8.0)
    patience.observe("slow", 4, 0.1)  # the slowest counts, not the last
    assert patience.choose("quick", 64, 0) == LEAST_S == 10
    assert patience.choose("slow", 2, 0) == 20 * 2 * 2.0
    assert patience.choose("slow", 64, 0) == MOST_S


def test_a_model_of_which_nothing_is_known_has_as_long_as_any():
    assert Patience().choose("new", 1, 0) == MOST_S


def test_what_is_long_may_take_long():
    patience = Patience()
    patience.observe("texts", 1, 0.001)
    assert patience.choose("texts", 1, 100 * MIB) == 110


def test_a_generator_that_has_drawn_one_picture_may_be_asked_for_a_thousand():
    patience = Patience()
    patience.observe("generator", 1, 0.01)
    assert patience.choose("generator", 1, 0, is_batched=False) == 20 * 0.01 * 1024
