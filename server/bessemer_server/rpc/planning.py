"""Plans of specifications that may name an uploaded data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bessemer_server.domain import errors, ports
from bessemer_server.domain.datasets import Dataset
from bessemer_server.domain.plans import Plan


async def plan(
    store: ports.Store, planner: ports.Planner, spec: Mapping[str, Any]
) -> tuple[Plan, Dataset | None]:
    """The plan, and the uploaded data set that it is for. Raises as `ports.Planner.plan`; the nearest names for a data set
    that is not there are among all.
    """
    uploaded = await store.find_dataset(name=spec["dataset"])
    try:
        return await planner.plan(spec, uploaded.content.info if uploaded else None), uploaded
    except errors.InvalidArgument as error:
        unknown = await _unknown(store, planner, spec["dataset"]) if uploaded is None else ""
        raise errors.InvalidArgument(
            violations=[
                errors.Violation(v.field, unknown) if unknown and v.field == "dataset" else v
                for v in error.violations
            ]
        ) from error


async def _unknown(store: ports.Store, planner: ports.Planner, name: str) -> str:
    """What to say of a name that no data set has; empty where one has it, or where it is empty."""
    bundled = [info.name for info in (await planner.catalog()).datasets]
    names = [*bundled, *(dataset.name for dataset in await store.list_datasets())]
    return (
        f"there is no data set {name!r}; {errors.suggest(name, names)}" if name and name not in names else ""
    )
