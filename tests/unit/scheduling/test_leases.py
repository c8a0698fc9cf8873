"""Who was heard of lately."""

import datetime

from bessemer_server.domain.jobs import Attempt
from bessemer_server.scheduling.leases import PATIENCE, LeaseTable

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def attempt(heard_s: float = 0.0, number: int = 1) -> Attempt:
    return Attempt("job", number, "cpu#0", 0, START + datetime.timedelta(seconds=heard_s))


def test_silence_for_the_whole_timeout_expires_a_lease():
    leases = LeaseTable(timeout_s=10)
    assert leases.expired([attempt()], now_s=100) == []
    assert leases.expired([attempt()], now_s=105) == []
    assert leases.expired([attempt()], now_s=109.9) == []
    assert leases.expired([attempt()], now_s=110) == [attempt()]


def test_a_report_renews_the_lease():
    leases = LeaseTable(timeout_s=10)
    leases.expired([attempt(heard_s=0)], now_s=100)
    assert leases.expired([attempt(heard_s=7)], now_s=107) == []
    assert leases.expired([attempt(heard_s=7)], now_s=114) == []
    assert leases.expired([attempt(heard_s=7)], now_s=116) == []


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
    assert leases.expired([attempt()], now_s=36) == []
    assert leases.expired([attempt()], now_s=42) == []
    assert leases.expired([attempt()], now_s=44) == []
    assert leases.expired([attempt()], now_s=45) == [attempt()]


def test_silence_while_the_store_was_away_does_not_count():
    leases = LeaseTable(timeout_s=10)
    leases.expired([attempt()], now_s=0)
    for now_s in (7, 9):
        leases.expired([attempt()], now_s)
    leases.forgive(now_s=9)
    assert leases.expired([attempt()], now_s=12) == []
    assert leases.expired([attempt()], now_s=18) == []
    assert leases.expired([attempt()], now_s=19) == [attempt()]


def test_a_server_that_stood_still_gives_everyone_a_whole_timeout():
    leases = LeaseTable(timeout_s=10)
    leases.expired([attempt()], now_s=100)
    assert leases.expired([attempt()], now_s=130) == []
    assert leases.expired([attempt()], now_s=134) == []
    assert leases.expired([attempt()], now_s=138) == []
    assert leases.expired([attempt()], now_s=140) == [attempt()]


def test_a_trainer_at_work_is_excused_for_so_long():
    leases = LeaseTable(timeout_s=10)
    now_s, excused = 100.0, 0
    leases.expired([attempt()], now_s)
    while True:
        now_s += 4
        if not leases.expired([attempt()], now_s):
            continue
        if not leases.excuse(attempt(), now_s):
            break
        excused += 1
        assert leases.expired([attempt()], now_s) == []
    assert 20 <= excused <= PATIENCE
    assert leases.expired([attempt(heard_s=1)], now_s + 1) == []
    assert leases.excuse(attempt(), now_s + 1), "it was heard of: the patience begins again"
