"""Learning rates against the curves that they are named after."""

import math

import pytest

from bessemer_server.domain import errors
from bessemer_server.training import planning
from bessemer_server.training.schedules import kinds


def rates(name, epochs=4, epoch_steps=5, **options):
    kind = kinds.REGISTRY.get(name)
    course = kinds.Course(kind, kind.options(**options), 1.0, epoch_steps, epochs)
    return [course.rate(step) for step in range(1, epochs * epoch_steps + 1)]


def test_constant_changes_nothing():
    assert set(rates("constant")) == {1.0}


def test_stairs_fall_at_the_first_step_of_an_epoch():
    assert rates("step", epochs=4) == [1.0] * 20
    assert rates("step", epochs=4, every=2, factor=0.5) == [1.0] * 10 + [0.5] * 10


def test_cosine_is_half_a_wave_down_to_its_final_share():
    expected = [0.1 + 0.9 * (1 + math.cos(math.pi * s / 20)) / 2 for s in range(20)]
    assert rates("cosine", final=0.1) == pytest.approx(expected)


def test_exponential_decays_by_its_factor_over_an_epoch():
    assert rates("exponential", factor=0.5) == pytest.approx([0.5 ** (s / 5) for s in range(20)])


def test_warm_up_rises_evenly_to_the_full_rate():
    assert rates("constant", warmup_epochs=1)[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({"kind": "cosin"}, "schedule.kind"),
        ({"kind": "step", "factor": -1}, "schedule.factor"),
        ({"kind": "cosine", "final": float("nan")}, "schedule.final"),
        ({"kind": "constant", "warmup_epochs": 10}, "schedule.warmup_epochs"),
    ],
)
def test_a_faulty_schedule_is_refused_by_its_field(schedule, field):
    with pytest.raises(errors.InvalidArgument) as refused:
        planning.plan({"architecture": "mlp", "dataset": "iris", "schedule": schedule})
    assert [violation.field for violation in refused.value.violations] == [field]
