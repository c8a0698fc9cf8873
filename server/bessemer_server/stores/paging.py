"""Pages of a listing, and the tokens between them.

A token holds the position of the last item that was returned, bound by a digest to the listing it came from: with
another filter, or garbled, it is refused instead of answering with the wrong rows. It is no secret.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from bessemer_server.domain import errors
from bessemer_server.domain.jobs import Job, JobFilter, Page, Time
from bessemer_server.domain.metrics import Metric, Scope

T = TypeVar("T")
Position = Sequence[Any]
"""JSON values that order the items of a listing."""


def jobs_listing(filter: JobFilter) -> str:
    """Names the listing of jobs under a filter."""
    return json.dumps(["jobs", sorted(filter.states), filter.architecture, filter.name])


def metrics_listing(job_id: str, scopes: Iterable[Scope]) -> str:
    """Names the listing of a job's metrics."""
    return json.dumps(["metrics", job_id, sorted(set(scopes))])


def models_listing(name: str) -> str:
    """Names the listing of models, or of the versions of one."""
    return json.dumps(["models", name])


def job_position(job: Job) -> Position:
    """Where a job stands among others."""
    return [job.create_time.isoformat(), job.id]


def parse_job_position(position: Position) -> tuple[Time, str]:
    """The inverse of `job_position`."""
    return datetime.datetime.fromisoformat(position[0]), position[1]


def metric_position(metric: Metric) -> Position:
    """Where a point stands among the others of its job."""
    return [metric.scope, metric.name, metric.step]


def make_page(items: Sequence[T], page_size: int, listing: str, position: Callable[[T], Position]) -> Page[T]:
    """The page of up to `page_size + 1` items: the one too many only says that there is a next page."""
    shown = tuple(items[:page_size])
    return Page(shown, encode(listing, position(shown[-1])) if len(items) > page_size else "")


def check_size(page_size: int) -> None:
    """Raise `InvalidArgument` for a page without room."""
    if page_size < 1:
        raise errors.InvalidArgument(
            violations=[
                errors.Violation("page_size", f"{page_size} is too small; a page has at least 1 item")
            ]
        )


def encode(listing: str, position: Position) -> str:
    """The token of the page after `position`."""
    body = json.dumps([_digest(listing, position), *position])
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def decode(listing: str, token: str) -> Position | None:
    """The position in a token, None for the first page. Raises `InvalidArgument` for a token of another listing."""
    if not token:
        return None
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        digest, *position = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if digest == _digest(listing, position):
            return list(position)
    description = "not a token of this listing; send next_page_token with all other fields unchanged, or none"
    raise errors.InvalidArgument(violations=[errors.Violation("page_token", description)])


def _digest(listing: str, position: Position) -> str:
    return hashlib.sha256(json.dumps([listing, *position]).encode()).hexdigest()[:24]
