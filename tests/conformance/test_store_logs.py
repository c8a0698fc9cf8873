"""What every store keeps to: what trainers printed."""

from __future__ import annotations

import pytest

from bessemer_server.domain import errors, logs
from bessemer_server.domain.logs import PrintedLine
from bessemer_server.domain.ports import Store
from tests.conformance import samples


async def append(store: Store, *lines: tuple[int, str], attempt: int = 1) -> None:
    await store.append_log("job-1", attempt, [PrintedLine(*line) for line in lines], samples.START)


async def texts(store: Store, attempt: int = 0, after: int = 0, limit: int = 100_000) -> list[str]:
    return [line.text for line in await store.read_log("job-1", attempt, after, limit)]


async def test_lines_come_back_in_order_with_cursors_attempts_and_times(store: Store) -> None:
    await samples.begin(store)
    await append(store, (4, "one"), (8, "two"))
    await append(store, (6, "three"), attempt=2)
    found = await store.read_log("job-1", 0, 0, 10)
    assert [(line.cursor, line.attempt, line.text) for line in found] == [
        (1, 1, "one"),
        (2, 1, "two"),
        (3, 2, "three"),
    ]
    assert {line.time for line in found} == {samples.START}


async def test_a_line_that_comes_again_changes_nothing(store: Store) -> None:
    await samples.begin(store)
    await append(store, (4, "one"), (8, "two"))
    await append(store, (4, "one"), (8, "two"), (14, "three"))
    assert await texts(store) == ["one", "two", "three"]
    assert await store.log_position("job-1", 1) == 14
    assert await store.log_position("job-1", 2) == 0


async def test_reading_goes_on_behind_a_cursor_and_picks_an_attempt(store: Store) -> None:
    await samples.begin(store)
    await append(store, (2, "a"), (4, "b"))
    await append(store, (2, "c"), (4, "d"), attempt=2)
    assert await texts(store, after=1, limit=2) == ["b", "c"]
    assert await texts(store, attempt=2) == ["c", "d"]
    assert await texts(store, attempt=2, after=3) == ["d"]
    assert [line.text for line in await store.last_log_lines("job-1", 2, 1)] == ["d"]
    assert [line.text for line in await store.last_log_lines("job-1", 1, 5)] == ["a", "b"]


async def test_of_each_attempt_the_last_mebibyte_stays(store: Store) -> None:
    await samples.begin(store)
    await append(store, (10, "first"), (logs.KEPT_BYTES, "second"))
    await append(store, (10, "of another attempt"), attempt=2)
    await append(store, (logs.KEPT_BYTES + 10, "third"))
    assert await texts(store) == ["second", "of another attempt", "third"]
    await append(store, (9 * logs.KEPT_BYTES, "far behind"))
    assert await texts(store) == ["of another attempt", "far behind"]


async def test_of_each_attempt_the_last_lines_stay_however_short(store: Store) -> None:
    await samples.begin(store)
    await append(store, *((n, str(n)) for n in range(1, logs.KEPT_LINES + 4)))
    found = await texts(store)
    assert (found[0], len(found)) == ("4", logs.KEPT_LINES)


async def test_lines_of_an_attempt_that_is_over_are_taken(store: Store) -> None:
    attempt = await samples.begin(store)
    await store.fail("job-1", attempt.number, samples.LOSS, samples.START)
    await append(store, (10, "last words"))
    assert await texts(store) == ["last words"]


async def test_any_character_is_kept(store: Store) -> None:
    await samples.begin(store)
    text = "\x00 \x1b[31m \udcff \U0001f525"
    await append(store, (10, text))
    assert await texts(store) == [text]


async def test_the_log_of_an_unknown_job_is_not_found(store: Store) -> None:
    for call in (store.read_log("nobody", 0, 0, 1), store.append_log("nobody", 1, [], samples.START)):
        with pytest.raises(errors.NotFound, match="no job 'nobody'"):
            await call


async def test_a_failure_keeps_its_evidence(store: Store) -> None:
    from bessemer_server.domain.jobs import Failure, Reason

    attempt = await samples.begin(store)
    failure = Failure(Reason.INTERNAL, "broke", "mend", {"exit_status": "3", "log": "a\nb\x00"})
    await store.fail("job-1", attempt.number, failure, samples.START)
    assert (await store.get_job("job-1")).failure == failure
