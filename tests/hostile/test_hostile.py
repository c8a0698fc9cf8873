"""Hostile requests beside honest clients: each bad one is refused in words, each honest answer is right, nothing grows."""

from __future__ import annotations

import random

import grpc
import pytest

import bessemer
from tests.hostile import canaries, crowd, subjects

MIB = 1 << 20
SEED = 20261123


@pytest.fixture(scope="module")
def target(service, tmp_path_factory):
    """The shared service, with the models that are attacked."""
    with bessemer.connect(service.address) as client:
        subjects.learn(client, tmp_path_factory.mktemp("texts"))
    return service


async def attack(target, bad, growth_bytes, settle):
    """`settle` of the bad requests come first: what they take is taken once."""
    async with grpc.aio.insecure_channel(target.address) as channel:
        caller = canaries.Caller(channel)
        known = await canaries.find_canaries(caller, random.Random(SEED))
        before = crowd.Crowd(caller, known, SEED)
        await before.run(settle)
        pids, memory = measure(target)
        gathered = crowd.Crowd(caller, known, SEED + 1)
        await gathered.run(bad - settle)
    wrong = sorted(before.wrong + gathered.wrong)
    assert not wrong, "\n".join(wrong[:100])
    after_pids, after_memory = measure(target)
    print(
        f"refused {dict(gathered.refused)}\nanswered {dict(gathered.answered)}\nmemory {memory} {after_memory}"
    )
    assert after_pids == pids  # nobody died of it
    assert after_memory - memory < growth_bytes
    assert set(gathered.answered) == {subject.model for subject in subjects.SUBJECTS}


def measure(target):
    """Process ids of the service, and the resident bytes of all of them."""
    processes = target.processes()
    return {process.pid for process in processes}, sum(process.memory_info().rss for process in processes)


async def test_a_thousand_hostile_requests_harm_nobody(target):
    await attack(target, 1_000, 30 * MIB, settle=300)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_a_hundred_thousand_hostile_requests_leave_the_memory_as_it_was(target):
    await attack(target, 100_000, 30 * MIB, settle=10_000)
