"""The rule of early stopping."""

from bessemer_server.training import config, early_stopping


def follow(values, **options):
    rule = config.EarlyStoppingConfig(**options)
    state, states = early_stopping.EarlyStopping(), []
    for value in values:
        state = state.after(value, rule)
        states.append((state.is_best, state.is_over(rule)))
    return states


def test_a_loss_shall_fall():
    assert follow([3.0, 2.0, 2.5, 1.0, 1.0, 1.5], patience=2) == [
        (True, False), (True, False), (False, False), (True, False), (False, False), (False, True)
    ]  # fmt: skip


def test_an_accuracy_shall_rise():
    states = follow([0.5, 0.6, 0.55], monitor="val/accuracy", patience=1)
    assert states == [(True, False), (True, False), (False, True)]


def test_a_change_of_no_more_than_min_delta_is_no_improvement():
    assert follow([1.0, 0.75, 0.5], min_delta=0.25, patience=1)[1] == (False, True)
    assert follow([1.0, 0.7], min_delta=0.25, patience=1)[1] == (True, False)


def test_small_improvements_add_up_to_one_that_counts():
    assert [best for best, _ in follow([1.0, 0.9, 0.8, 0.7], min_delta=0.25)] == [True, False, False, True]
