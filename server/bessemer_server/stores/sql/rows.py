"""Domain objects as rows and back."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from bessemer_server.domain.checkpoints import Checkpoint, Manifest
from bessemer_server.domain.datasets import Content, Dataset
from bessemer_server.domain.events import (
    CheckpointDamaged,
    CheckpointSaved,
    Event,
    Kind,
    MetricsRecorded,
    Progressed,
    StateChanged,
)
from bessemer_server.domain.jobs import Attempt, Failure, Job, ModelReference, Progress, Reason
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.domain.models import Listed, Model, read_signature
from bessemer_server.domain.states import State

Row = sa.Row[Any]
Values = dict[str, Any]


def job_values(job: Job) -> Values:
    """Columns of a job that change during its life."""
    return {
        "state": job.state.value,
        "state_message": job.state_message,
        "progress": dataclasses.asdict(job.progress),
        "attempt": job.attempt,
        "losses": job.losses,
        "failure": _plain(job.failure),
        "model": _plain(job.model),
        "metrics": dict(job.metrics),
        "start_time": job.start_time,
        "end_time": job.end_time,
        "last_cursor": job.last_cursor,
        "next_attempt_time": job.next_attempt_time,
        "run_s": job.run_s,
        "past_run_s": job.past_run_s,
    }


def read_job(row: Row) -> Job:
    """From a row of `tables.jobs`."""
    return Job(
        id=row.id,
        name=row.name,
        spec=row.spec,
        effective_spec=row.effective_spec,
        state=State(row.state),
        state_message=row.state_message,
        progress=Progress(**row.progress),
        attempt=row.attempt,
        losses=row.losses,
        failure=_failure(row.failure),
        model=_reference(row.model),
        metrics=row.metrics,
        create_time=row.create_time,
        start_time=row.start_time,
        end_time=row.end_time,
        last_cursor=row.last_cursor,
        dataset_digest=row.dataset_digest or "",
        validation_digest=row.validation_digest or "",
        priority=-row.rank,
        next_attempt_time=row.next_attempt_time,
        max_runtime_s=row.max_runtime_s,
        run_s=row.run_s,
        past_run_s=row.past_run_s,
        asked_model=ModelReference.parse(row.asked_model) if row.asked_model else None,
    )


def read_attempt(row: Row) -> Attempt:
    """From a row of `tables.attempts`."""
    return Attempt(row.job_id, row.number, row.slot, row.pid, row.lease_time)


def read_metric(row: Row) -> Metric:
    """From a row of `tables.metrics`."""
    return Metric(Scope(row.scope), row.name, row.step, row.epoch, row.value)


def read_checkpoint(row: Row) -> Checkpoint:
    """From a row of `tables.checkpoints` with the bytes of its manifest as `data`, None for gone, and whether it is known to be
    `damaged`.
    """
    is_whole = row.data is not None and hashlib.sha256(row.data).hexdigest() == row.manifest
    manifest = Manifest.decode(row.data) if is_whole else Manifest(0, row.step, ())
    damaged = bool(row.damaged) or not is_whole
    return Checkpoint(row.id, row.job_id, row.attempt, manifest, row.create_time, damaged)


def model_values(model: Model) -> Values:
    """All columns of a model."""
    fields = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    return {
        **fields,
        "job_id": model.job_id or None,
        "weights": dataclasses.asdict(model.weights),
        "metrics": dict(model.metrics),
        "signature": read_signature(model.definition),
    }


def read_model(row: Row) -> Model:
    """From a row of `tables.models`."""
    fields = {field.name: getattr(row, field.name) for field in dataclasses.fields(Model)}
    return Model(**{**fields, "job_id": row.job_id or "", "weights": Manifest.from_json(row.weights)})


def read_listed(row: Row) -> Listed:
    """From a row of those columns of `tables.models` that have the names of fields."""
    return Listed(**{**row._asdict(), "job_id": row.job_id or ""})


def dataset_values(dataset: Dataset) -> Values:
    """All columns of an uploaded data set."""
    content = dataclasses.asdict(dataset.content)
    return {
        "name": dataset.name,
        "digest": dataset.digest,
        "content": content,
        "create_time": dataset.create_time,
    }


def read_dataset(row: Row) -> Dataset:
    """From a row of `tables.datasets`."""
    return Dataset(Content.from_json(row.content), row.digest, row.create_time)


def event_values(job_id: str, event: Event) -> Values:
    """All columns of an event."""
    name, body = _encode(event.kind)
    return {"job_id": job_id, "cursor": event.cursor, "time": event.time, "kind": name, "body": body}


def read_event(row: Row) -> Event:
    """From a row of `tables.events`."""
    return Event(row.cursor, row.time, _DECODERS[row.kind](row.body))


def _encode(kind: Kind) -> tuple[str, Values]:
    body = dataclasses.asdict(kind)
    match kind:
        case StateChanged():
            return "state_changed", body
        case Progressed():
            return "progressed", body
        case MetricsRecorded():
            return "metrics_recorded", body
        case CheckpointSaved(checkpoint):
            body["checkpoint"]["create_time"] = checkpoint.create_time.isoformat()
            del body["checkpoint"]["damaged"]
            return "checkpoint_saved", body
        case CheckpointDamaged():
            return "checkpoint_damaged", body


def _state_changed(body: Mapping[str, Any]) -> Kind:
    failure, model = _failure(body["failure"]), _reference(body["model"])
    return StateChanged(State(body["state"]), body["attempt"], body["message"], failure, model)


def _progressed(body: Mapping[str, Any]) -> Kind:
    return Progressed(Progress(**body["progress"]), body["metrics"])


def _metrics_recorded(body: Mapping[str, Any]) -> Kind:
    return MetricsRecorded(
        tuple(Metric(**{**point, "scope": Scope(point["scope"])}) for point in body["metrics"])
    )


def _checkpoint_saved(body: Mapping[str, Any]) -> Kind:
    fields = dict(body["checkpoint"])
    fields["manifest"] = Manifest.from_json(fields["manifest"])
    fields["create_time"] = datetime.datetime.fromisoformat(fields["create_time"])
    return CheckpointSaved(Checkpoint(**fields))


_DECODERS: dict[str, Callable[[Mapping[str, Any]], Kind]] = {
    "state_changed": _state_changed,
    "progressed": _progressed,
    "metrics_recorded": _metrics_recorded,
    "checkpoint_saved": _checkpoint_saved,
    "checkpoint_damaged": lambda body: CheckpointDamaged(**body),
}


def _failure(body: Mapping[str, Any] | None) -> Failure | None:
    return None if body is None else Failure(**{**body, "reason": Reason(body["reason"])})


def _reference(body: Mapping[str, Any] | None) -> ModelReference | None:
    return None if body is None else ModelReference(**body)


def _plain(value: Failure | ModelReference | None) -> Values | None:
    return None if value is None else dataclasses.asdict(value)
