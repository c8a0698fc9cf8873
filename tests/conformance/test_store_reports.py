"""What every store keeps to: metrics, progress and the events that tell of them."""

from __future__ import annotations

import asyncio
import math
import sys

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.events import Event, MetricsRecorded, Progressed
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.domain.ports import Store
from tests.conformance import samples

NOW = samples.START


async def report(store: Store, *metrics: Metric, step: int | None = None) -> None:
    await store.report("job-1", 1, metrics, None if step is None else samples.progress(step), NOW)


async def listed(store: Store, *scopes: Scope) -> list[Metric]:
    return list((await store.list_metrics("job-1", scopes, 10_000, "")).items)


async def kinds(store: Store, after: int = 3) -> list[object]:
    return [event.kind for event in await store.events("job-1", after, 1000)]


async def test_progress_is_kept_and_told_with_the_step_metrics_of_its_last_step(store: Store) -> None:
    await samples.begin(store)
    points = [
        samples.step_metric(1, 0.9),
        samples.step_metric(2, 0.7),
        samples.step_metric(2, 0.1, "learning_rate"),
    ]
    await report(store, *points, samples.epoch_metric(1), step=2)
    assert (await store.get_job("job-1")).progress == samples.progress(2)
    assert await kinds(store) == [
        Progressed(samples.progress(2), {"train/loss": 0.7, "learning_rate": 0.1}),
        MetricsRecorded((samples.epoch_metric(1),)),
    ]


async def test_step_metrics_alone_append_no_event(store: Store) -> None:
    await samples.begin(store)
    await report(store, samples.step_metric(1))
    assert await kinds(store) == []
    assert await listed(store) == [samples.step_metric(1)]


async def test_epoch_and_test_metrics_become_the_jobs_metrics_and_step_metrics_do_not(store: Store) -> None:
    await samples.begin(store)
    await report(store, samples.epoch_metric(2, 0.2), samples.epoch_metric(1, 0.3), samples.step_metric(20))
    test = Metric(Scope.TEST, "test/accuracy", 20, 2, 0.9)
    await report(store, test)
    assert (await store.get_job("job-1")).metrics == {"val/loss": 0.2, "test/accuracy": 0.9}
    assert await kinds(store) == [
        MetricsRecorded((samples.epoch_metric(1, 0.3),)),
        MetricsRecorded((samples.epoch_metric(2, 0.2),)),
        MetricsRecorded((test,)),
    ]


async def test_only_epoch_metrics_that_were_not_there_are_told(store: Store) -> None:
    await samples.begin(store)
    await report(store, samples.epoch_metric(1))
    await report(store, samples.epoch_metric(1), samples.epoch_metric(2))
    await report(store, samples.epoch_metric(2))
    assert await kinds(store) == [
        MetricsRecorded((samples.epoch_metric(1),)),
        MetricsRecorded((samples.epoch_metric(2),)),
    ]


async def test_a_point_that_comes_again_is_overwritten_and_stays_one(store: Store) -> None:
    await samples.begin(store)
    await report(store, samples.step_metric(1, 0.1), samples.step_metric(2, 0.2))
    again = Metric(Scope.STEP, "train/loss", 2, 7, 0.25)
    await report(store, again, samples.step_metric(3, 0.3))
    assert await listed(store) == [samples.step_metric(1, 0.1), again, samples.step_metric(3, 0.3)]


async def test_a_point_that_comes_twice_in_one_report_is_recorded_once_with_its_last_value(
    store: Store,
) -> None:
    await samples.begin(store)
    await report(
        store, samples.epoch_metric(1, 0.1), samples.step_metric(1, 0.1), samples.epoch_metric(1, 0.2)
    )
    assert await listed(store) == [samples.step_metric(1, 0.1), samples.epoch_metric(1, 0.2)]
    assert await kinds(store) == [MetricsRecorded((samples.epoch_metric(1, 0.2),))]


EXACT = [0.1, 1 / 3, 5e-324, 0.0, 1.0, -sys.float_info.max, math.inf, -math.inf, math.nan, math.pi]


async def test_every_double_survives_in_metrics_in_the_job_and_in_events(store: Store) -> None:
    await samples.begin(store)
    points = [samples.step_metric(n, value) for n, value in enumerate(EXACT, start=1)]
    points += [samples.epoch_metric(1, value, f"m{n:02}") for n, value in enumerate(EXACT)]
    await report(store, *points, step=len(EXACT))
    expected = [value.hex() for value in EXACT]
    assert [metric.value.hex() for metric in await listed(store, Scope.STEP)] == expected
    assert [metric.value.hex() for metric in await listed(store, Scope.EPOCH)] == expected
    job = await store.get_job("job-1")
    assert [job.metrics[f"m{n:02}"].hex() for n in range(len(EXACT))] == expected
    (recorded,) = [kind for kind in await kinds(store) if isinstance(kind, MetricsRecorded)]
    assert [metric.value.hex() for metric in recorded.metrics] == expected


async def test_not_a_number_can_be_overwritten_and_overwrite(store: Store) -> None:
    await samples.begin(store)
    await report(store, samples.step_metric(1, math.nan), samples.step_metric(2, 2.0))
    await report(store, samples.step_metric(1, 1.0), samples.step_metric(2, math.nan))
    first, second = await listed(store)
    assert first.value == 1.0
    assert math.isnan(second.value)


async def test_five_thousand_points_in_one_report_are_all_there(store: Store) -> None:
    await samples.begin(store)
    points = [samples.step_metric(n, n / 7) for n in range(1, 5001)]
    await report(store, *points)
    await report(store, *points)
    assert await listed(store) == points


async def test_metrics_are_ordered_by_scope_name_and_step_whatever_the_locale(store: Store) -> None:
    await samples.begin(store)
    names = ["val/loss", "Val/loss", "train/loss", "train_loss", "é", "z"]
    steps = [2**40, 10, 9]
    points = [Metric(scope, name, step, 1, 0.5) for scope in Scope for name in names for step in steps]
    await report(store, *points)
    found = await listed(store)
    assert found == sorted(points, key=lambda point: (point.scope, point.name, point.step))


@pytest.mark.parametrize("page_size", [1, 4, 12, 13])
async def test_pages_of_metrics_together_are_all_metrics_of_the_scopes(store: Store, page_size: int) -> None:
    await samples.begin(store)
    points = [Metric(scope, name, n, 1, 0.5) for scope in Scope for name in "ab" for n in range(1, 7)]
    await report(store, *points)
    scopes = [Scope.TEST, Scope.STEP]
    token, found = "", list[Metric]()
    while True:
        page = await store.list_metrics("job-1", scopes, page_size, token)
        assert 0 < len(page.items) <= page_size
        found += page.items
        token = page.next_token
        if not token:
            break
    assert found == [point for point in points if point.scope in scopes]


async def test_a_metrics_token_fits_no_other_job_or_scopes(store: Store) -> None:
    for job_id in ("job-1", "job-2"):
        await samples.begin(store, job_id)
        await store.report(job_id, 1, [samples.step_metric(1), samples.step_metric(2)], None, NOW)
    token = (await store.list_metrics("job-1", [], 1, "")).next_token
    for attempt in (
        store.list_metrics("job-2", [], 1, token),
        store.list_metrics("job-1", [Scope.STEP], 1, token),
    ):
        with pytest.raises(errors.InvalidArgument, match="page_token"):
            await attempt


async def test_metrics_of_one_job_are_not_those_of_another(store: Store) -> None:
    await samples.begin(store, "job-1")
    await samples.begin(store, "job-2")
    await report(store, samples.step_metric(1))
    assert (await store.list_metrics("job-2", [], 9, "")).items == ()


async def test_events_are_numbered_from_one_without_gaps_through_a_whole_life(store: Store) -> None:
    await samples.begin(store)
    await report(store, samples.epoch_metric(1), step=10)
    await store.release("job-1", 1, samples.LOSS, is_loss=True, now=samples.at(1))
    await samples.start(store, now=samples.at(2))
    await store.request_cancel("job-1", samples.at(3))
    await store.confirm_cancel("job-1", 2, samples.at(4))
    events = await store.events("job-1", 0, 100)
    assert [event.cursor for event in events] == list(range(1, 10))
    assert (await store.get_job("job-1")).last_cursor == 9
    assert events[-1].time == samples.at(4)


async def test_reports_and_cancels_at_once_leave_no_gap_and_double_no_cursor(store: Store) -> None:
    await samples.begin(store)
    reports = [
        store.report("job-1", 1, [samples.epoch_metric(n)], samples.progress(n), NOW) for n in range(20)
    ]
    cancels = [store.request_cancel("job-1", NOW) for _ in range(5)]
    await asyncio.gather(*reports, *cancels)
    events = await store.events("job-1", 0, 100)
    assert [event.cursor for event in events] == list(range(1, 3 + 20 * 2 + 1 + 1))
    assert (await store.get_job("job-1")).last_cursor == len(events)


async def test_events_are_read_after_a_cursor_up_to_a_limit(store: Store) -> None:
    await samples.begin(store)

    async def cursors(after: int, limit: int) -> list[int]:
        found: list[Event] = list(await store.events("job-1", after, limit))
        return [event.cursor for event in found]

    assert await cursors(0, 2) == [1, 2]
    assert await cursors(2, 9) == [3]
    assert await cursors(3, 9) == []


async def test_a_cursor_beyond_the_last_event_is_refused(store: Store) -> None:
    await samples.begin(store)
    with pytest.raises(errors.InvalidArgument, match="which is 3"):
        await store.events("job-1", 4, 1)


async def test_one_report_of_two_epochs_and_the_test_is_three_events_in_order(store: Store) -> None:
    await samples.begin(store)
    test = Metric(Scope.TEST, "test/loss", 20, 2, 0.1)
    await report(store, test, samples.epoch_metric(2), samples.epoch_metric(1))
    assert await kinds(store) == [
        MetricsRecorded((samples.epoch_metric(1),)),
        MetricsRecorded((samples.epoch_metric(2),)),
        MetricsRecorded((test,)),
    ]
