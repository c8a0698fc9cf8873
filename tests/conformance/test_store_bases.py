"""What every store keeps to: jobs that begin with a published model keep it until they have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.jobs import Job, NewJob
from bessemer_server.domain.ports import Store
from bessemer_server.domain.states import State
from tests.conformance import samples

NOW = samples.at(10)


def transfer(*references: str, job_id: str = "job-1", **options: Any) -> NewJob:
    """A job that begins with these models, each at another depth of its options."""
    layers = [{"backbone": {"name": reference, "frozen": True}} for reference in references[1:]]
    return with_options({"backbone": references[0], "layers": layers, **options}, job_id)


def with_options(options: Mapping[str, Any], job_id: str = "job-1") -> NewJob:
    spec = {"architecture": "transfer", "dataset": "digits", "options": options}
    return samples.new_job(job_id, effective_spec=spec)


async def publish(store: Store, *job_ids: str, name: str = "base") -> None:
    """One version for each."""
    for job_id in job_ids or (f"trained-{name}",):
        await samples.begin(store, job_id, name=name)
        await store.succeed(job_id, 1, samples.empty_publication(), NOW)


async def start(store: Store, job_id: str = "job-1") -> None:
    await store.report(job_id, (await samples.start(store, job_id, NOW)).number, [], None, NOW)


async def check_kept(store: Store, version: int | None, message: str, name: str = "base") -> None:
    with pytest.raises(errors.FailedPrecondition, match=message) as refused:
        await store.delete_model(name, version)
    assert refused.value.reason == "MODEL_IN_USE"
    assert (await store.get_model(name, version)).name == name


async def check_gone(refused: Awaitable[Job], model: str) -> None:
    with pytest.raises(errors.FailedPrecondition, match=f"the model {model} was deleted") as error:
        await refused
    assert error.value.reason == "MODEL_GONE"


async def test_a_model_is_kept_while_a_job_that_begins_with_it_has_not_ended(store: Store) -> None:
    await publish(store, "older", "newer")
    await store.create_job(transfer("model:base@1"), NOW)
    for version in (1, None):
        await check_kept(store, version, r"job-1 \(digits, QUEUED\) begins with base@1; wait until it ends")
    assert await store.delete_model("base", 2) == [2]
    await start(store)
    await check_kept(store, 1, "RUNNING")
    await store.release("job-1", 1, samples.LOSS, True, NOW)
    await check_kept(store, 1, "QUEUED")
    await store.request_pause("job-1", NOW)
    await check_kept(store, 1, "PAUSED")


async def succeed(store: Store) -> None:
    await store.succeed("job-1", 1, samples.empty_publication(), NOW)


async def fail(store: Store) -> None:
    await store.fail("job-1", 1, samples.LOSS, NOW)


async def cancel(store: Store) -> None:
    await store.request_cancel("job-1", NOW)
    await store.confirm_cancel("job-1", 1, NOW)


@pytest.mark.parametrize("end", [succeed, fail, cancel])
async def test_a_model_is_let_go_when_the_job_has_ended(
    store: Store, end: Callable[[Store], Awaitable[None]]
) -> None:
    await publish(store)
    await store.create_job(transfer("model:base@1"), NOW)
    await start(store)
    await end(store)
    assert await store.delete_model("base", None) == [1]
    assert (await store.get_job("job-1")).state.is_terminal


async def test_a_job_that_is_retried_keeps_its_model_again(store: Store) -> None:
    await publish(store)
    await store.create_job(transfer("model:base@1"), NOW)
    await store.request_cancel("job-1", NOW)
    await store.retry("job-1", NOW)
    await check_kept(store, 1, "job-1")


async def test_every_model_that_a_job_begins_with_is_kept(store: Store) -> None:
    for name in ("base", "other", "third"):
        await publish(store, name=name)
    await store.create_job(transfer("model:other@1", "model:third@1", "model:base@1"), NOW)
    for name in ("base", "other", "third"):
        await check_kept(store, 1, f"begins with {name}@1", name)


async def test_the_oldest_job_that_needs_a_model_is_named_whatever_for(store: Store) -> None:
    await publish(store)
    await store.create_job(transfer("model:base@1", job_id="second"), samples.at(20))
    asks = (await store.get_job("trained-base")).model
    await store.create_job(samples.new_job("first", asked_model=asks), NOW)
    await check_kept(store, 1, r"job first \(digits, QUEUED\) predicts with base@1")
    await store.request_cancel("first", NOW)
    await check_kept(store, 1, r"job second \(digits, QUEUED\) begins with base@1")


@pytest.mark.parametrize("name", ["base.1", "bas", "xbase", "b_se", "other"])
async def test_a_model_with_a_like_name_is_another_model(store: Store, name: str) -> None:
    await publish(store)
    await publish(store, name=name)
    await store.create_job(transfer("model:base@1"), NOW)
    assert await store.delete_model(name, None) == [1]


async def test_a_model_that_a_job_only_names_is_not_kept(store: Store) -> None:
    await publish(store)
    options = {"backbone": "resnet18", "weights": "model:base@1", "note": ["model:base@1"]}
    await store.create_job(with_options(options), NOW)
    assert await store.delete_model("base", 1) == [1]


async def test_a_retry_without_the_model_that_the_job_begins_with_is_refused(store: Store) -> None:
    await publish(store, "older", "newer")
    await store.create_job(transfer("model:base@2", "model:base@1"), NOW)
    await start(store)
    await fail(store)
    await store.delete_model("base", 1)
    await check_gone(store.retry("job-1", NOW), "base@1")
    assert (await store.get_job("job-1")).state is State.FAILED
    await store.delete_model("base", None)
    await publish(store, "newest")  # the third version: numbers are not given again
    await check_gone(store.retry("job-1", NOW), "base@1")


async def test_a_new_job_with_a_model_that_is_gone_is_refused(store: Store) -> None:
    await publish(store, "older", "newer")
    await store.delete_model("base", 1)
    await check_gone(store.create_job(transfer("model:base@1"), NOW), "base@1")
    await check_gone(store.create_job(transfer("model:base@2", "model:none@1"), NOW), "none@1")
    with pytest.raises(errors.NotFound):
        await store.get_job("job-1")
    assert await store.delete_model("base", 2) == [2]


async def test_whoever_deletes_a_model_and_begins_with_it_at_once_leaves_no_job_without_one(
    store: Store,
) -> None:
    for number in range(1, 6):
        await publish(store, f"trained-{number}")
        done = await asyncio.gather(
            store.create_job(transfer(f"model:base@{number}", job_id=f"job-{number}"), NOW),
            store.delete_model("base", number),
            return_exceptions=True,
        )
        assert len([each for each in done if isinstance(each, errors.FailedPrecondition)]) == 1


async def test_jobs_that_begin_with_the_same_models_do_not_wait_for_each_other(store: Store) -> None:
    for name in ("base", "other"):
        await publish(store, name=name)
    pairs = [("model:base@1", "model:other@1"), ("model:other@1", "model:base@1")] * 5
    made = [transfer(*pair, job_id=f"job-{number}") for number, pair in enumerate(pairs)]
    await asyncio.gather(*(store.create_job(job, NOW) for job in made))
    assert len(await store.queued_jobs(100, NOW)) == len(made)
