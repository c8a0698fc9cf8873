"""The server's side of the planner process."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

from bessemer_server.domain import plans
from bessemer_server.domain.bases import NO_BASES, Base
from bessemer_server.domain.predictions import Asked
from bessemer_server.executors.helper import Helper


class PlannerClient:
    """Asks the planner process. The catalog is asked once: it cannot change while the process lives."""

    def __init__(self, helper: Helper) -> None:
        self._helper = helper
        self._catalog: plans.Catalog | None = None
        self._asking = asyncio.Lock()

    async def plan(
        self,
        spec: Mapping[str, Any],
        uploaded: plans.DatasetInfo | None = None,
        bases: Mapping[str, Base] = NO_BASES,
        validation: plans.DatasetInfo | None = None,
    ) -> plans.Plan:
        """See `ports.Planner.plan`."""
        arguments = {
            "spec": spec,
            "uploaded": dataclasses.asdict(uploaded) if uploaded else None,
            "validation": dataclasses.asdict(validation) if validation else None,
            "bases": {reference: dataclasses.asdict(base) for reference, base in bases.items()},
        }
        answer, _ = await self._helper.call("plan", arguments)
        layers = tuple(
            plans.LayerSummary(**{**layer, "output_shape": tuple(layer["output_shape"])})
            for layer in answer["layers"]
        )
        return plans.Plan(answer["effective_spec"], tuple(answer["input_shape"]), layers)

    async def plan_prediction(
        self, spec: Mapping[str, Any], asked: Asked, uploaded: plans.DatasetInfo | None = None
    ) -> Mapping[str, Any]:
        """See `ports.Planner.plan_prediction`."""
        arguments = {
            "spec": spec,
            "asked": dataclasses.asdict(asked),
            "uploaded": dataclasses.asdict(uploaded) if uploaded else None,
        }
        effective_spec, _ = await self._helper.call("plan_prediction", arguments)
        return dict(effective_spec)

    async def catalog(self) -> plans.Catalog:
        """See `ports.Planner.catalog`."""
        async with self._asking:
            if self._catalog is None:
                answer, _ = await self._helper.call("catalog", {})
                self._catalog = _catalog(answer)
        return self._catalog


def _catalog(answer: Mapping[str, Any]) -> plans.Catalog:
    kinds = ("architectures", "optimizers", "layers", "losses", "metrics")
    entries = {kind: tuple(plans.CatalogEntry(**entry) for entry in answer[kind]) for kind in kinds}
    datasets = tuple(
        plans.DatasetInfo(**{**info, "shape": tuple(info["shape"]), "labels": tuple(info["labels"])})
        for info in answer["datasets"]
    )
    return plans.Catalog(**entries, datasets=datasets, devices=tuple(answer["devices"]))
