"""Speed from given times."""

from bessemer_server.training import pace


def test_speed_is_that_of_about_the_last_second():
    clock = pace.Pace(now=100.0)
    for tenth in range(1, 21):
        clock.add(10)
        assert clock.report(100 + tenth / 10) > 0
    for tenth in range(21, 41):
        clock.add(50)
        speed = clock.report(100 + tenth / 10)
    assert 499 < speed < 501


def test_speed_is_unknown_at_the_first_moment():
    assert pace.Pace(now=5.0).report(5.0) == 0


def test_a_report_is_due_ten_times_a_second():
    clock = pace.Pace(now=0.0)
    assert not clock.is_due(0.05)
    assert clock.is_due(0.1)
    clock.report(0.1)
    assert not clock.is_due(0.15)
