"""Plans of specifications that may name uploaded data sets, and models to begin with or to ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bessemer_server.domain import bases, errors, ports
from bessemer_server.domain.datasets import Dataset
from bessemer_server.domain.jobs import ModelReference
from bessemer_server.domain.models import Model
from bessemer_server.domain.plans import Plan
from bessemer_server.domain.predictions import Asked
from bessemer_server.rpc import model_data
from bessemer_server.serving import references

FIELDS = ("dataset", "validation_dataset")
"""Of a specification: each may name a data set that was uploaded."""


async def plan(
    store: ports.Store, planner: ports.Planner, spec: Mapping[str, Any]
) -> tuple[Plan, Mapping[str, Dataset]]:
    """The plan, and the uploaded data sets that it is for, by field. Raises as `ports.Planner.plan`; the nearest names for
    a data set that is not there are among all.
    """
    uploads = await _find_uploads(store, spec)
    infos = {field: dataset.content.info for field, dataset in uploads.items()}
    spec = await _pin(store, spec) if "options" in spec else spec
    try:
        known = await find_bases(store, spec)
        return await planner.plan(spec, infos.get("dataset"), known, infos.get("validation_dataset")), uploads
    except errors.InvalidArgument as error:
        unknown = {
            field: await _unknown(store, planner, spec.get(field, ""))
            for field in FIELDS
            if field not in uploads
        }
        raise _explain(error, unknown) from error


async def plan_prediction(
    store: ports.Store, planner: ports.Planner, spec: Mapping[str, Any]
) -> tuple[Mapping[str, Any], ModelReference, Dataset | None]:
    """A specification of predictions with every default, the model that it asks, and its data set where a user uploaded it.
    Raises as `ports.Planner.plan_prediction`.
    """
    model = await _find_asked(store, spec["model"])
    uploaded = await model_data.find_uploaded(store, spec.get("dataset", ""), model)
    reference = ModelReference(model.name, model.version)
    pinned = {"dataset": model.dataset, **spec, "model": str(reference)}
    if not pinned["dataset"]:
        description = f"is required: {pinned['model']} came from a file that names no data set"
        raise errors.InvalidArgument(violations=[errors.Violation("dataset", description)])
    try:
        info = uploaded.content.info if uploaded else None
        return await planner.plan_prediction(pinned, Asked.of(model), info), reference, uploaded
    except errors.InvalidArgument as error:
        unknown = "" if uploaded else await _unknown(store, planner, pinned["dataset"])
        raise _explain(error, {"dataset": unknown}) from error


async def _find_asked(store: ports.Models, reference: str) -> Model:
    name, at, version = reference.partition("@")
    if not name or bool(at) != bool(version):
        description = (
            f"must name a model: NAME, NAME@VERSION as in digits@2, or NAME@ALIAS, but is {reference[:80]!r}"
        )
        raise errors.InvalidArgument(violations=[errors.Violation("model", description)])
    return await _find_version(store, "model", name, version)


def _explain(error: errors.InvalidArgument, unknown: Mapping[str, str]) -> errors.InvalidArgument:
    """The error with what is to be said of names that no data set has, by field, in place of what the planner knows of them."""
    return errors.InvalidArgument(
        violations=[
            errors.Violation(v.field, unknown[v.field]) if unknown.get(v.field) else v
            for v in error.violations
        ]
    )


async def _find_uploads(store: ports.Datasets, spec: Mapping[str, Any]) -> Mapping[str, Dataset]:
    found = {}
    for field in FIELDS:
        if (name := spec.get(field)) and (dataset := await store.find_dataset(name=name)):
            found[field] = dataset
    return found


async def find_bases(store: ports.Models, spec: Mapping[str, Any]) -> dict[str, bases.Base]:
    """The models that a specification begins with, by reference, each with its version. Raises `errors.InvalidArgument`."""
    found = {}
    for path, reference in bases.find(spec.get("options", {})):
        found[reference] = bases.Base.of(await _find(store, path, reference))
    return found


async def _pin(store: ports.Models, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The specification with a version for each model: what is newest now must not change while the job waits."""
    options, pinned = spec["options"], {}
    for path, reference in bases.find(options):
        model = await _find(store, path, reference)
        pinned[reference] = f"{bases.PREFIX}{model.name}@{model.version}"
    return {**spec, "options": bases.change(options, lambda _, reference: pinned[reference])}


async def _find(store: ports.Models, path: str, reference: str) -> Model:
    match = bases.REFERENCE.fullmatch(reference)
    try:
        if match is None:
            raise errors.InvalidArgument(
                "is no model: write model:NAME, or model:NAME@VERSION as in model:digits@2, or model:NAME@ALIAS"
            )
        model = await _find_version(store, path, match["name"], match["version"] or "")
        if model.definition.get("kind", "classifier") != "classifier":
            raise errors.InvalidArgument(f"{reference} makes pictures; name a model that tells images apart")
    except errors.InvalidArgument as error:
        if error.violations:
            raise
        raise errors.InvalidArgument(violations=[errors.Violation(path, error.message)]) from error
    return model


async def _find_version(store: ports.Models, path: str, name: str, version: str) -> Model:
    """A published model; raises `errors.InvalidArgument` of the field at `path`."""
    try:
        return await references.find(store, name, version)
    except (errors.NotFound, errors.InvalidArgument) as error:
        raise errors.InvalidArgument(violations=[errors.Violation(path, error.message)]) from error


async def _unknown(store: ports.Store, planner: ports.Planner, name: str) -> str:
    """What to say of a name that no data set has; empty where one has it, or where it is empty."""
    bundled = [info.name for info in (await planner.catalog()).datasets]
    names = [*bundled, *(dataset.name for dataset in await store.list_datasets())]
    return (
        f"there is no data set {name!r}; {errors.suggest(name, names)}" if name and name not in names else ""
    )
