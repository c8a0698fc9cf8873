"""What becomes of models, their versions and aliases: rules that every store applies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from bessemer_server.domain import bases, errors
from bessemer_server.domain.aliases import Alias
from bessemer_server.domain.jobs import Job, ModelReference, NewJob, Time
from bessemer_server.domain.models import Model, Origin, Publication
from bessemer_server.stores import rules


def publish(job: Job, publication: Publication, version: int, now: Time) -> Model:
    """The model that a job makes when it succeeds."""
    spec = job.effective_spec
    origin = Origin(
        rules.architecture(spec), str(spec.get("dataset", "")), job.dataset_digest, job.metrics, spec
    )
    return import_model(job.name, publication, origin, version, now, job_id=job.id)


def import_model(
    name: str, publication: Publication, origin: Origin, version: int, now: Time, *, job_id: str = ""
) -> Model:
    """The model that a file makes, or a job."""
    return Model(
        name=name,
        version=version,
        job_id=job_id,
        architecture=origin.architecture,
        dataset=origin.dataset,
        weights=publication.weights,
        definition=publication.definition,
        metrics=origin.metrics,
        parameters=publication.parameters,
        effective_spec=origin.effective_spec,
        create_time=now,
        dataset_digest=origin.dataset_digest,
    )


def is_same(model: Model, publication: Publication) -> bool:
    """Whether the publication would be this model again."""
    return (model.weights.tensors, model.definition) == (publication.weights.tensors, publication.definition)


def unknown_model(
    name: str, version: int | None, names: Iterable[str], versions: Sequence[int]
) -> errors.NotFound:
    """The error for a model that does not exist. `versions`: those that the model has, ascending; empty for no model."""
    if versions:
        message = f"model {name!r} has no version {version}; {_tell_versions(versions)}"
    else:
        message = f"there is no model {name!r}; {errors.suggest(name, names)}"
    return errors.NotFound(message, reason="MODEL_NOT_FOUND")


def _tell_versions(versions: Sequence[int]) -> str:
    first, last = versions[0], versions[-1]
    if first == last:
        return f"its only version is {first}"
    if len(versions) == last - first + 1:
        return f"its versions are {first} to {last}"
    return f"its newest versions are {', '.join(map(str, versions[-5:]))}"


def unknown_alias(alias: str, model: str, known: Iterable[str]) -> errors.NotFound:
    """The error for an alias that a model does not have."""
    message = f"model {model!r} has no alias {alias!r}; {errors.suggest(alias, known)}"
    return errors.NotFound(message, reason="ALIAS_NOT_FOUND")


def check_unnamed(model: str, versions: Collection[int], aliases: Iterable[Alias]) -> None:
    """Raise `FailedPrecondition` when an alias names one of the versions that shall be deleted."""
    for alias in aliases:
        for version in alias.shares:
            if version in versions:
                raise errors.FailedPrecondition(
                    f"version {version} of model {model!r} has the alias {alias.name!r}; move the alias to another version or delete "
                    "it first",
                    reason="HAS_ALIAS",
                )


def needed_models(job: NewJob | Job) -> tuple[ModelReference, ...]:
    """The models that a job needs until it has ended: the one that it predicts with, or those that it begins with, by name."""
    return (job.asked_model,) if job.asked_model else bases.pinned(job.effective_spec)


def check_unneeded(model: str, versions: Collection[int], jobs: Iterable[Job]) -> None:
    """Raise `FailedPrecondition` when one of `jobs`, which have not ended, needs a version that shall be deleted."""
    for job in jobs:
        for needed in needed_models(job):
            if needed.name == model and needed.version in versions:
                use = "predicts with" if job.is_prediction else "begins with"
                raise errors.FailedPrecondition(
                    f"job {job.id} ({job.name}, {job.state}) {use} {needed}; wait until it ends, or cancel it, then delete "
                    "the model",
                    reason="MODEL_IN_USE",
                )


def check_there(needed: ModelReference, versions: Collection[int]) -> None:
    """Raise `FailedPrecondition` when a model that a job needs, a new one or a retried one, is not among those `versions` that
    its name has.
    """
    if needed.version not in versions:
        raise errors.FailedPrecondition(
            f"the model {needed} was deleted; submit a job with another one", reason="MODEL_GONE"
        )
