"""Who was heard of lately."""

import datetime

from bessemer_server.domain.jobs import Attempt
from bessemer_server.scheduling.leases import LeaseTable

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def attempt(heard_s: float = 0.0, number: int = 1) -> Attempt:
    return Attempt("job", number, "cpu#0", 0, START + datetime.timedelta(seconds=heard_s))


def test_silence_for_the_whole_timeout_expires_a_lease():
    leases = LeaseTable(timeout_s=10)
    assert leases.expired([attempt()], now_s=100) == []
    assert leases.expired([attempt()], now_s=109.9) == []
    assert leases.expired([attempt()], now_s=110) == [attempt()]


def test_a_report_renews_the_lease():
    leases = LeaseTable(timeout_s=10)
    leases.expired([attempt(heard_s=0)], now_s=100)
    assert leases.expired([attempt(heard_s=9)], now_s=109) == []
    assert leases.expired([attempt(heard_s=9)], now_s=118) == []


def test_a_jump_of_the_wall_clock_expires_nothing():
    leases = LeaseTable(timeout_s=10)
    leases.expired([attempt(heard_s=0)], now_s=100)
    assert leases.expired([attempt(heard_s=86_400)], now_s=101) == []
    assert leases.expired([attempt(heard_s=-86_400)], now_s=102) == []


def test_an_attempt_seen_for_the_first_time_gets_a_whole_timeout_however_old_its_lease():
    assert LeaseTable(timeout_s=10).expired([attempt(heard_s=-9999)], now_s=5) == []


def test_another_attempt_of_the_job_has_a_lease_of_its_own():
    leases = LeaseTable(timeout_s=10)
    leases.expired([attempt(number=1)], now_s=0)
    assert leases.expired([attempt(number=2)], now_s=50) == []


def test_a_trainer_lives_while_the_store_takes_long_to_write_down_what_it_said():
    leases = LeaseTable(timeout_s=10)
    leases.expired([attempt()], now_s=0)
    with leases.hearing(("job", 1), lambda: 35):
        assert leases.expired([attempt()], now_s=30) == []
    assert leases.expired([attempt()], now_s=44) == []
    assert leases.expired([attempt()], now_s=45) == [attempt()]


def test_silence_while_the_store_was_away_does_not_count():
    leases = LeaseTable(timeout_s=10)
    leases.expired([attempt()], now_s=0)
    leases.forgive(now_s=30)
    assert leases.expired([attempt()], now_s=39) == []
    assert leases.expired([attempt()], now_s=40) == [attempt()]
