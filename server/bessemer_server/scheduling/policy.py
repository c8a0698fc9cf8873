"""Which queued job gets which free slot, and what follows from a lost attempt. Pure: no clock, no store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bessemer_server.domain import errors, jobs
from bessemer_server.domain.jobs import Job, Reason, WaitReason
from bessemer_server.domain.states import State

MAX_LOSSES = 3
"""Attempts in a row, without a new checkpoint between them, that may be lost before the job fails."""


BACK_OFF_S = 10.0
"""Wait after the second loss in a row."""


def back_off_s(losses: int, first_s: float) -> float:
    """Wait before the next attempt of a job that lost `losses` in a row, in seconds: a single loss is made up for at once,
    then `first_s`, and twice as long with each further one, to a bound.
    """
    return min(first_s * 2.0 ** (losses - 2), jobs.BACK_OFF_MAX_S) if losses > 1 else 0.0


def is_put_off(reason: Reason) -> bool:
    """Whether a job that could not go on for this reason waits until it can: no work of its own is at fault."""
    return reason is Reason.DISK_FULL


def free_slots(slots: Sequence[str], taken: Iterable[str]) -> list[str]:
    """The slots that no attempt holds, in order."""
    held = set(taken)
    return [slot for slot in slots if slot not in held]


def choose(queued: Sequence[Job], free: Sequence[str]) -> list[tuple[Job, str]]:
    """Pairs of job and slot to start now, in the order of the queue."""
    return list(zip(queued, free, strict=False))


def describe_wait(position: int) -> str:
    """Why the job at this position of the queue, from 0, waits."""
    if position == 0:
        return "waits for a free slot; next in line"
    return f"waits for a free slot; {position} job{'s' if position > 1 else ''} ahead"


def find_wait_reason(job: Job, is_ready: bool, obstacle: jobs.Obstacle | None) -> WaitReason | None:
    """What the job waits for, if it does: `is_ready` if nothing but a slot is missing."""
    if obstacle and (job.state.is_active or job.state is State.QUEUED):
        return obstacle.reason
    if job.state is not State.QUEUED:
        return None
    if is_ready:
        return WaitReason.SLOT
    is_full = job.state_message.startswith(f"{WaitReason.DISK_FULL}: ")
    return WaitReason.DISK_FULL if is_full else WaitReason.BACK_OFF


def may_retry(losses: int) -> bool:
    """Whether a job that lost `losses` attempts in a row gets another one."""
    return losses <= MAX_LOSSES


def device_of(slot: str) -> str:
    """The device of a slot: `cuda:0` of `cuda:0@3f`, `cpu` of `cpu#3@3f`."""
    return slot.partition("@")[0].partition("#")[0]


def is_of(server: str, slot: str) -> bool:
    """Whether the slot is one of this server's, also where the server has other slots by now: fewer, or on other devices."""
    return slot.partition("@")[2] == server


def make_slots(devices: Sequence[str], count: int, server: str) -> list[str]:
    """Names of `count` slots, dealt out over the devices in turn. They are those of this server alone: another one on the
    same database has the same devices, and neither may take, or free, what the other holds.
    """
    if count == len(devices) and devices != ["cpu"]:
        return [f"{device}@{server}" for device in devices]
    return [f"{devices[i % len(devices)]}#{i // len(devices)}@{server}" for i in range(count)]


def choose_devices(wanted: str, available: Sequence[str]) -> list[str]:
    """Devices to train on, from the setting (`auto`, `cpu`, `cuda`, `cuda:0,1`) and what torch can use. Raises
    `InvalidArgument` when what is wanted is not there.
    """
    gpus = [device for device in available if device.startswith("cuda")]
    if wanted == "auto":
        return gpus or ["cpu"]
    if wanted == "cpu":
        return ["cpu"]
    _, _, numbers = wanted.partition(":")
    asked = [f"cuda:{number}" for number in numbers.split(",")] if numbers else gpus or ["cuda:0"]
    if missing := [device for device in asked if device not in gpus]:
        raise errors.InvalidArgument(
            f"device {', '.join(missing)} is not there; torch can use {', '.join(available)}"
        )
    return asked
