"""Domain types to and from `bessemer.v1`."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable
from typing import Any

from bessemer.v1 import catalog_pb2, datasets_pb2, jobs_pb2, models_pb2
from bessemer_server.domain import aliases, checkpoints, datasets, events, jobs, logs, metrics, models, plans
from bessemer_server.domain.evaluations import Evaluation
from bessemer_server.rpc import specs


def job_to_wire(
    job: jobs.Job, queue_position: int = 0, wait_reason: jobs.WaitReason | None = None
) -> jobs_pb2.Job:
    """As a message."""
    message = jobs_pb2.Job(
        id=job.id,
        name=job.name,
        **_work_to_wire(job),
        state=job.state.value,
        state_message=job.state_message,
        progress=progress_to_wire(job.progress),
        attempt=job.attempt,
        metrics=job.metrics,
        last_cursor=job.last_cursor,
        priority=job.priority,
        queue_position=queue_position,
        wait_reason=wait_reason.value if wait_reason else None,
    )
    if job.failure:
        message.failure.CopyFrom(failure_to_wire(job.failure))
    if job.model:
        message.model.CopyFrom(reference_to_wire(job.model))
    message.create_time.FromDatetime(job.create_time)
    message.run_time.FromTimedelta(datetime.timedelta(seconds=job.run_s))
    if job.max_runtime_s is not None:
        message.max_runtime.FromTimedelta(datetime.timedelta(seconds=job.max_runtime_s))
    _set_time(message, "start_time", job.start_time)
    _set_time(message, "end_time", job.end_time)
    _set_time(message, "next_attempt_time", job.next_attempt_time)
    return message


def new_job_to_wire(job: jobs.NewJob) -> jobs_pb2.Job:
    """As a message, without what the store gives a job."""
    message = jobs_pb2.Job(name=job.name, **_work_to_wire(job), priority=job.priority)
    if job.max_runtime_s is not None:
        message.max_runtime.FromTimedelta(datetime.timedelta(seconds=job.max_runtime_s))
    return message


def _work_to_wire(job: jobs.Job | jobs.NewJob) -> dict[str, Any]:
    """Both specifications of a job, by field."""
    if job.asked_model:
        return {
            "prediction": specs.prediction_to_wire(job.spec),
            "effective_prediction": specs.prediction_to_wire(job.effective_spec),
        }
    return {"spec": specs.to_wire(job.spec), "effective_spec": specs.to_wire(job.effective_spec)}


def _set_time(message: jobs_pb2.Job, field: str, time: datetime.datetime | None) -> None:
    if time is not None:
        getattr(message, field).FromDatetime(time)


def progress_to_wire(progress: jobs.Progress) -> jobs_pb2.Progress:
    """As a message."""
    message = jobs_pb2.Progress(
        epoch=progress.epoch,
        epochs=progress.epochs,
        step=progress.step,
        steps=progress.steps,
        fraction=progress.fraction,
        samples_per_second=progress.samples_per_second,
    )
    if progress.eta_s is not None:
        message.eta.FromTimedelta(datetime.timedelta(seconds=progress.eta_s))
    return message


def failure_to_wire(failure: jobs.Failure) -> jobs_pb2.Failure:
    """As a message."""
    return jobs_pb2.Failure(
        reason=failure.reason.value,
        message=failure.message,
        next_step=failure.next_step,
        evidence=failure.evidence,
    )


def reference_to_wire(reference: jobs.ModelReference) -> jobs_pb2.ModelReference:
    """As a message."""
    return jobs_pb2.ModelReference(name=reference.name, version=str(reference.version))


def metric_to_wire(metric: metrics.Metric) -> jobs_pb2.Metric:
    """As a message."""
    return jobs_pb2.Metric(
        scope=metric.scope.name,
        name=metric.name,
        step=metric.step,
        epoch=metric.epoch,
        value=metric.value,
    )


def checkpoint_to_wire(checkpoint: checkpoints.Checkpoint) -> jobs_pb2.Checkpoint:
    """As a message."""
    message = jobs_pb2.Checkpoint(
        id=checkpoint.id,
        epoch=checkpoint.manifest.epoch,
        step=checkpoint.manifest.step,
        size_bytes=checkpoint.manifest.size_bytes,
        damaged=checkpoint.damaged,
    )
    message.create_time.FromDatetime(checkpoint.create_time)
    return message


def log_line_to_wire(line: logs.LogLine) -> jobs_pb2.LogLine:
    """As a message; text that no message can hold is replaced."""
    text = line.text.encode(errors="replace").decode()
    message = jobs_pb2.LogLine(cursor=line.cursor, attempt=line.attempt, text=text)
    message.time.FromDatetime(line.time)
    return message


def event_to_wire(event: events.Event) -> jobs_pb2.JobEvent:
    """As a message."""
    message = jobs_pb2.JobEvent(cursor=event.cursor)
    message.time.FromDatetime(event.time)
    match event.kind:
        case events.StateChanged() as change:
            message.state_changed.CopyFrom(_state_changed(change))
        case events.Progressed(progress=progress, metrics=values):
            message.progressed.CopyFrom(
                jobs_pb2.Progressed(progress=progress_to_wire(progress), metrics=values)
            )
        case events.MetricsRecorded(metrics=points):
            message.metrics_recorded.metrics.extend(metric_to_wire(point) for point in points)
        case events.CheckpointSaved(checkpoint=checkpoint):
            message.checkpoint_saved.checkpoint.CopyFrom(checkpoint_to_wire(checkpoint))
        case events.CheckpointDamaged() as damage:
            message.checkpoint_damaged.CopyFrom(jobs_pb2.CheckpointDamaged(**dataclasses.asdict(damage)))
    return message


def _state_changed(change: events.StateChanged) -> jobs_pb2.StateChanged:
    return jobs_pb2.StateChanged(
        state=change.state.value,
        attempt=change.attempt,
        message=change.message,
        failure=failure_to_wire(change.failure) if change.failure else None,
        model=reference_to_wire(change.model) if change.model else None,
    )


def evaluation_to_wire(found: Evaluation) -> models_pb2.Evaluation:
    """An evaluation as a message."""
    return models_pb2.Evaluation(
        dataset=found.dataset,
        split=found.split,
        samples=found.samples,
        metrics=found.metrics,
        classes=[
            models_pb2.ClassResult(
                label=c.label,
                samples=c.samples,
                precision=c.precision,
                recall=c.recall,
                f1=c.f1,
                predicted=c.predicted,
            )
            for c in found.classes
        ],
    )


def model_to_wire(model: models.Model | models.Listed, known: Iterable[aliases.Alias]) -> models_pb2.Model:
    """As a message, with those of the aliases that name it."""
    message = models_pb2.Model(
        name=model.name,
        version=str(model.version),
        job_id=model.job_id,
        architecture=model.architecture,
        dataset=model.dataset,
        labels=model.labels,
        inputs=[_tensor_spec(spec) for spec in model.inputs],
        outputs=[_tensor_spec(spec) for spec in model.outputs],
        metrics=model.metrics,
        parameters=model.parameters,
        spec=specs.to_wire(model.effective_spec),
        aliases=[a.name for a in known if a.model == model.name and model.version in a.shares],
    )
    message.create_time.FromDatetime(model.create_time)
    return message


def alias_to_wire(alias: aliases.Alias) -> models_pb2.ModelAlias:
    """As a message."""
    shares = {str(version): share for version, share in alias.shares.items()}
    return models_pb2.ModelAlias(name=alias.model, alias=alias.name, shares=shares)


def _tensor_spec(spec: models.TensorSpec) -> models_pb2.TensorSpec:
    return models_pb2.TensorSpec(name=spec.name, datatype=spec.datatype, shape=spec.shape)


def summary_to_wire(architecture: str, plan: plans.Plan) -> catalog_pb2.ModelSummary:
    """As a message."""
    layers = [
        catalog_pb2.LayerSummary(
            index=layer.index,
            kind=layer.kind,
            output_shape=layer.output_shape,
            parameters=layer.parameters,
            trainable_parameters=layer.trainable_parameters,
            detail=layer.detail,
        )
        for layer in plan.layers
    ]
    return catalog_pb2.ModelSummary(
        architecture=architecture,
        input_shape=plan.input_shape,
        layers=layers,
        parameters=plan.parameters,
        trainable_parameters=plan.trainable_parameters,
    )


def uploaded_to_wire(dataset: datasets.Dataset) -> datasets_pb2.Dataset:
    """As a message."""
    message = dataset_to_wire(dataset.content.info)
    message.digest, message.size_bytes = dataset.digest, dataset.content.size_bytes
    message.create_time.FromDatetime(dataset.create_time)
    return message


def dataset_to_wire(info: plans.DatasetInfo) -> datasets_pb2.Dataset:
    """As a message."""
    return datasets_pb2.Dataset(
        name=info.name,
        description=info.description,
        kind=info.kind,
        shape=info.shape,
        labels=info.labels,
        train_samples=info.train_samples,
        test_samples=info.test_samples,
        bundled=info.bundled,
    )
