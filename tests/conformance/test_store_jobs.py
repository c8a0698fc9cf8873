"""What every store keeps to: creating, reading, listing and cancelling jobs."""

from __future__ import annotations

import asyncio

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.checkpoints import Retention
from bessemer_server.domain.events import StateChanged
from bessemer_server.domain.jobs import JobFilter, Progress
from bessemer_server.domain.ports import Store
from bessemer_server.domain.states import State
from tests.conformance import samples


async def test_a_new_job_is_queued_and_comes_back_as_it_went_in(store: Store) -> None:
    new = samples.new_job()
    created = await store.create_job(new, samples.START)
    assert (created.id, created.name, created.spec, created.effective_spec) == (
        (new.id, new.name, new.spec, new.effective_spec)
    )
    assert (created.state, created.state_message, created.attempt, created.losses) == (State.QUEUED, "", 0, 0)
    assert (created.failure, created.model, created.metrics, created.progress) == (None, None, {}, Progress())
    assert (created.create_time, created.start_time, created.end_time) == (samples.START, None, None)
    assert created.create_time.utcoffset() is not None
    assert created.last_cursor == 1
    assert await store.get_job(new.id) == created


async def test_a_caller_who_changes_its_specification_later_does_not_change_the_job(store: Store) -> None:
    spec = {"architecture": "mlp", "options": {"units": 3}}
    await samples.create(store, spec=spec, effective_spec=spec)
    spec["options"]["units"] = 4  # type: ignore[index]
    assert (await store.get_job("job-1")).spec["options"] == {"units": 3}


async def test_creation_appends_the_first_event(store: Store) -> None:
    await samples.create(store)
    (event,) = await store.events("job-1", 0, 10)
    assert (event.cursor, event.time, event.kind) == (1, samples.START, StateChanged(State.QUEUED, 0))


async def test_the_same_request_returns_the_first_job_whatever_became_of_it(store: Store) -> None:
    await samples.create(store, request_id="r", fingerprint="f")
    await store.request_cancel("job-1", samples.at(1))
    again = await samples.create(store, "job-2", age=2, request_id="r", fingerprint="f")
    assert again == await store.get_job("job-1")
    with pytest.raises(errors.NotFound):
        await store.get_job("job-2")
    assert again.last_cursor == 2


async def test_what_a_request_has_made_is_found_without_making_anything(store: Store) -> None:
    assert await store.find_submitted("r", "f") is None
    made = await samples.create(store, request_id="r", fingerprint="f")
    await samples.create(store, "job-2", fingerprint="f")
    assert await store.find_submitted("r", "f") == made
    assert await store.find_submitted("", "f") is None
    with pytest.raises(errors.AlreadyExists, match="'r'"):
        await store.find_submitted("r", "g")
    await store.request_cancel("job-1", samples.at(1))
    await store.delete_job("job-1", samples.at(2))
    with pytest.raises(errors.NotFound, match="was deleted"):
        await store.find_submitted("r", "f")


async def test_a_name_with_nul_is_looked_for_and_not_found(store: Store) -> None:
    await samples.create(store, request_id="a\N{REPLACEMENT CHARACTER}", fingerprint="f")
    with pytest.raises(errors.NotFound):
        await store.get_job("a\0")
    with pytest.raises(errors.NotFound):
        await store.request_cancel("a\0", samples.at(1))
    with pytest.raises(errors.NotFound):
        await store.get_model("a\0", None)
    assert (await store.list_jobs(JobFilter(name="a\0"), 10, "")).items == ()
    assert await store.find_dataset(name="a\0") is None


async def test_twenty_requests_at_once_make_one_job(store: Store) -> None:
    made = await asyncio.gather(
        *(samples.create(store, f"job-{n}", request_id="r", fingerprint="f") for n in range(20))
    )
    assert len({job.id for job in made}) == 1
    assert len((await store.list_jobs(JobFilter(), 100, "")).items) == 1
    assert len(await store.events(made[0].id, 0, 100)) == 1


async def test_the_same_request_id_with_another_body_is_refused(store: Store) -> None:
    await samples.create(store, request_id="r", fingerprint="f")
    with pytest.raises(errors.AlreadyExists, match="'r'"):
        await samples.create(store, "job-2", request_id="r", fingerprint="g")


async def test_jobs_without_a_request_id_are_all_different(store: Store) -> None:
    for n in range(3):
        await samples.create(store, f"job-{n}", fingerprint="f")
    assert len((await store.list_jobs(JobFilter(), 100, "")).items) == 3


async def test_jobs_are_listed_newest_first_and_ties_by_id(store: Store) -> None:
    for job_id, age in [("b", 1), ("a", 2), ("d", 0), ("c", 1), ("B", 1)]:
        await samples.create(store, job_id, age=age)
    page = await store.list_jobs(JobFilter(), 100, "")
    assert [job.id for job in page.items] == ["a", "c", "b", "B", "d"]
    assert page.next_token == ""


@pytest.mark.parametrize("page_size", [1, 2, 3, 6, 7])
async def test_pages_together_are_the_whole_listing(store: Store, page_size: int) -> None:
    for n in range(6):
        await samples.create(store, f"job-{n}", age=n // 2)
    token, found = "", list[str]()
    while True:
        page = await store.list_jobs(JobFilter(), page_size, token)
        assert 0 < len(page.items) <= page_size
        found += [job.id for job in page.items]
        token = page.next_token
        if not token:
            break
    assert found == [f"job-{n}" for n in (5, 4, 3, 2, 1, 0)]


async def test_a_job_that_arrives_between_two_pages_shifts_nothing(store: Store) -> None:
    for n in range(4):
        await samples.create(store, f"job-{n}", age=n)
    first = await store.list_jobs(JobFilter(), 2, "")
    await samples.create(store, "late", age=9)
    second = await store.list_jobs(JobFilter(), 2, first.next_token)
    assert [job.id for job in (*first.items, *second.items)] == ["job-3", "job-2", "job-1", "job-0"]


async def test_filters_are_joined_by_and_and_states_by_or(store: Store) -> None:
    for n, (name, architecture) in enumerate([("a", "mlp"), ("a", "cnn"), ("b", "mlp"), ("a", "mlp")]):
        await samples.create(store, f"job-{n}", age=n, name=name, architecture=architecture)
    await store.request_cancel("job-0", samples.START)
    await samples.start(store, "job-1")

    async def listed(**fields: object) -> list[str]:
        page = await store.list_jobs(JobFilter(**fields), 100, "")  # type: ignore[arg-type]
        return [job.id for job in page.items]

    assert await listed(name="a") == ["job-3", "job-1", "job-0"]
    assert await listed(architecture="mlp") == ["job-3", "job-2", "job-0"]
    assert await listed(name="a", architecture="mlp") == ["job-3", "job-0"]
    assert await listed(states=frozenset({State.CANCELLED, State.QUEUED})) == ["job-3", "job-2", "job-0"]
    assert await listed(states=frozenset({State.CANCELLED, State.STARTING})) == ["job-1", "job-0"]
    assert await listed(states=frozenset({State.QUEUED}), name="a", architecture="mlp") == ["job-3"]
    assert await listed(states=frozenset({State.PAUSED})) == []
    assert await listed(name="c") == []


async def test_pages_over_several_states_keep_the_order(store: Store) -> None:
    for n in range(9):
        await samples.create(store, f"job-{n}", age=n)
    for n in (1, 4, 7):
        await store.request_cancel(f"job-{n}", samples.START)
    filter = JobFilter(states=frozenset({State.CANCELLED, State.QUEUED}))
    token, found = "", list[str]()
    for _ in range(5):
        page = await store.list_jobs(filter, 2, token)
        found += [job.id for job in page.items]
        token = page.next_token
    assert found == [f"job-{n}" for n in range(8, -1, -1)]


async def test_a_token_of_another_listing_is_refused(store: Store) -> None:
    for n in range(3):
        await samples.create(store, f"job-{n}", age=n)
    token = (await store.list_jobs(JobFilter(name="digits"), 1, "")).next_token
    assert token
    attempts = [
        store.list_jobs(JobFilter(), 1, token),
        store.list_jobs(JobFilter(name="digits", architecture="mlp"), 1, token),
        store.list_metrics("job-0", [], 1, token),
        store.list_models("", 1, token),
    ]
    for attempt in attempts:
        with pytest.raises(errors.InvalidArgument) as caught:
            await attempt
        assert [violation.field for violation in caught.value.violations] == ["page_token"]


@pytest.mark.parametrize("token", ["x", "!!!", "bm8=", "WyJ4Il0", "é", "[" * 100_000, "e30", "bnVsbA", "W10"])
async def test_a_garbled_token_is_refused(store: Store, token: str) -> None:
    with pytest.raises(errors.InvalidArgument, match="page_token"):
        await store.list_jobs(JobFilter(), 1, token)


@pytest.mark.parametrize("page_size", [0, -1])
async def test_a_page_without_room_is_refused(store: Store, page_size: int) -> None:
    await samples.create(store)
    for attempt in [
        store.list_jobs(JobFilter(), page_size, ""),
        store.list_metrics("job-1", [], page_size, ""),
        store.list_models("", page_size, ""),
    ]:
        with pytest.raises(errors.InvalidArgument, match="page_size"):
            await attempt


async def test_queued_jobs_come_oldest_first_up_to_the_limit(store: Store) -> None:
    for n in range(5):
        await samples.create(store, f"job-{n}", age=-n)
    await samples.start(store, "job-3")
    assert [job.id for job in await store.queued_jobs(3, samples.START)] == ["job-4", "job-2", "job-1"]
    assert [job.id for job in await store.queued_jobs(9, samples.START)] == [
        "job-4",
        "job-2",
        "job-1",
        "job-0",
    ]


async def test_cancelling_a_queued_job_ends_it_at_once(store: Store) -> None:
    await samples.create(store)
    job = await store.request_cancel("job-1", samples.at(5))
    assert (job.state, job.end_time, job.last_cursor) == (State.CANCELLED, samples.at(5), 2)
    assert await store.get_job("job-1") == job


async def test_cancelling_a_starting_or_running_job_asks_it_to_stop(store: Store) -> None:
    await samples.create(store, "starting")
    await samples.start(store, "starting")
    await samples.begin(store, "running")
    for job_id in ("starting", "running"):
        job = await store.request_cancel(job_id, samples.at(5))
        assert (job.state, job.end_time) == (State.CANCELLING, None)


async def test_cancelling_again_changes_nothing(store: Store) -> None:
    await samples.create(store, "queued")
    await samples.begin(store, "running")
    for job_id in ("queued", "running"):
        first = await store.request_cancel(job_id, samples.at(5))
        assert await store.request_cancel(job_id, samples.at(6)) == first
        assert await store.get_job(job_id) == first


async def test_cancelling_a_job_that_has_ended_is_refused(store: Store) -> None:
    await samples.begin(store, "failed")
    await store.fail("failed", 1, samples.LOSS, samples.START)
    with pytest.raises(errors.FailedPrecondition, match="FAILED"):
        await store.request_cancel("failed", samples.START)


async def test_unknown_jobs_are_not_found_by_any_method(store: Store) -> None:
    now = samples.START
    for attempt in [
        store.get_job("x"),
        store.request_pause("x", now),
        store.resume("x", now),
        store.start_attempt("x", "cpu:0", "t", now),
        store.set_pid("x", 1, 2),
        store.pin_threads("x", 1, 2),
        store.report("x", 1, [], None, now),
        store.commit_checkpoint("x", 1, samples.manifest(1), Retention(2), now),
        store.latest_checkpoint("x"),
        store.list_checkpoints("x"),
        store.succeed("x", 1, samples.publication(), now),
        store.fail("x", 1, samples.LOSS, now),
        store.confirm_cancel("x", 1, now),
        store.release("x", 1, samples.LOSS, is_loss=True, now=now),
        store.request_cancel("x", now),
        store.events("x", 0, 1),
        store.list_metrics("x", [], 1, ""),
    ]:
        with pytest.raises(errors.NotFound, match="'x'"):
            await attempt


async def test_last_cursors_are_those_of_the_jobs_that_are_there(store: Store) -> None:
    await samples.create(store, "job-1")
    await samples.create(store, "job-2")
    await store.request_cancel("job-2", samples.START)
    await samples.create(store, "job-3")
    await store.request_cancel("job-3", samples.START)
    await store.delete_job("job-3", samples.START)
    assert await store.last_cursors(["job-1", "job-2", "job-3", "job-4"]) == {"job-1": 1, "job-2": 2}
    assert await store.last_cursors([]) == {}
