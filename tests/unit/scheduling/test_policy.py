"""Which job gets which slot."""

import dataclasses
import datetime

import pytest

from bessemer_server.domain import errors, jobs
from bessemer_server.domain.jobs import Obstacle, WaitReason
from bessemer_server.domain.states import State
from bessemer_server.scheduling import policy


def make_job(job_id: str) -> jobs.Job:
    now = datetime.datetime.now(datetime.UTC)
    return jobs.Job(
        id=job_id,
        name="job",
        spec={},
        effective_spec={},
        state=State.QUEUED,
        state_message="",
        progress=jobs.Progress(),
        attempt=0,
        losses=0,
        failure=None,
        model=None,
        metrics={},
        create_time=now,
        start_time=None,
        end_time=None,
        last_cursor=1,
    )


def test_first_come_is_first_served():
    chosen = policy.choose([make_job("first"), make_job("second"), make_job("third")], ["cpu#0", "cpu#1"])
    assert [(job.id, slot) for job, slot in chosen] == [("first", "cpu#0"), ("second", "cpu#1")]


def test_no_slot_starts_nothing():
    assert policy.choose([make_job("first")], []) == []


def test_a_slot_that_is_held_is_not_free():
    assert policy.free_slots(["cpu#0", "cpu#1"], ["cpu#0"]) == ["cpu#1"]


def test_a_job_gets_three_further_attempts_before_it_fails():
    assert [policy.may_retry(losses) for losses in (1, 2, 3, 4)] == [True, True, True, False]


def test_slots_are_dealt_out_over_the_devices():
    slots = policy.make_slots(["cuda:0", "cuda:1"], 3, "a")
    assert slots == ["cuda:0#0@a", "cuda:1#0@a", "cuda:0#1@a"]
    assert [policy.device_of(slot) for slot in slots] == ["cuda:0", "cuda:1", "cuda:0"]


def test_one_slot_for_each_device_is_named_after_it_and_its_server():
    slots = policy.make_slots(["cuda:0", "cuda:1"], 2, "a")
    assert slots == ["cuda:0@a", "cuda:1@a"]
    assert [policy.device_of(slot) for slot in slots] == ["cuda:0", "cuda:1"]


def test_a_slot_is_of_the_server_that_it_is_named_after_whatever_else_it_is_called():
    slots = ["cuda:0@a", "cuda:1#2@a", "cpu#0@b", "cpu:0"]
    assert [policy.is_of("a", slot) for slot in slots] == [True, True, False, False]


@pytest.mark.parametrize(
    ("wanted", "available", "chosen"),
    [
        ("auto", ["cpu"], ["cpu"]),
        ("auto", ["cuda:0", "cuda:1", "cpu"], ["cuda:0", "cuda:1"]),
        ("cpu", ["cuda:0", "cpu"], ["cpu"]),
        ("cuda", ["cuda:0", "cuda:1", "cpu"], ["cuda:0", "cuda:1"]),
        ("cuda:1", ["cuda:0", "cuda:1", "cpu"], ["cuda:1"]),
        ("cuda:0,1", ["cuda:0", "cuda:1", "cpu"], ["cuda:0", "cuda:1"]),
    ],
)
def test_devices_are_those_that_were_asked_for(wanted, available, chosen):
    assert policy.choose_devices(wanted, available) == chosen


@pytest.mark.parametrize("wanted", ["cuda", "cuda:0", "cuda:0,7"])
def test_a_device_that_is_not_there_is_refused_by_name(wanted):
    with pytest.raises(errors.InvalidArgument, match=r"cuda:\d is not there|cuda:\d.* is not there"):
        policy.choose_devices(wanted, ["cpu"])


def test_a_single_loss_is_made_up_for_at_once_and_further_ones_wait_twice_as_long_each_to_a_bound():
    assert [policy.back_off_s(losses, 10.0) for losses in range(10)] == [
        0,
        0,
        10,
        20,
        40,
        80,
        160,
        320,
        360,
        360,
    ]


@pytest.mark.parametrize(
    ("state", "message", "is_ready", "obstacle", "expected"),
    [
        (State.QUEUED, "", True, None, "SLOT"),
        (State.QUEUED, "DISK_FULL: no room; tried again each 10 s", True, None, "SLOT"),
        (State.QUEUED, "DISK_FULL: no room; tried again each 10 s", False, None, "DISK_FULL"),
        (State.QUEUED, "waits 20 s before attempt 3: was killed", False, None, "BACK_OFF"),
        (State.QUEUED, "", True, Obstacle(WaitReason.DATABASE_BUSY, "locked"), "DATABASE_BUSY"),
        (State.RUNNING, "", False, Obstacle(WaitReason.DISK_FULL, "full"), "DISK_FULL"),
        (State.RUNNING, "", False, None, None),
        (State.PAUSED, "", False, Obstacle(WaitReason.DISK_FULL, "full"), None),
        (State.SUCCEEDED, "", False, Obstacle(WaitReason.DISK_FULL, "full"), None),
    ],
)
def test_what_a_job_waits_for_has_a_name(state, message, is_ready, obstacle, expected):
    job = dataclasses.replace(make_job("j"), state=state, state_message=message)
    assert policy.find_wait_reason(job, is_ready, obstacle) == expected


def test_a_clock_that_jumped_back_keeps_no_job_from_starting():
    now = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    at = lambda seconds: now + datetime.timedelta(seconds=seconds)  # noqa: E731
    job = dataclasses.replace(make_job("j"), next_attempt_time=at(20))
    assert [job.is_ready(at(s)) for s in (0, 19.9, 20, 86_400, -86_400)] == [False, False, True, True, True]
    assert make_job("k").is_ready(now)
