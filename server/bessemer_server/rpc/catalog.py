"""CatalogService: what can be trained."""

from __future__ import annotations

import json
from typing import Any

import grpc

from bessemer.v1 import catalog_pb2, catalog_pb2_grpc
from bessemer_server.domain import ports
from bessemer_server.domain.plans import CatalogEntry
from bessemer_server.rpc import convert, planning, specs

Context = grpc.aio.ServicerContext[Any, Any]


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    """Tells what the planner knows."""

    def __init__(self, store: ports.Store, planner: ports.Planner) -> None:
        self._store = store
        self._planner = planner

    async def ListArchitectures(
        self, request: catalog_pb2.ListArchitecturesRequest, context: Context
    ) -> catalog_pb2.ListArchitecturesResponse:
        """Everything that a specification can name."""
        catalog = await self._planner.catalog()
        return catalog_pb2.ListArchitecturesResponse(
            architectures=[catalog_pb2.Architecture(**_entry(entry)) for entry in catalog.architectures],
            optimizers=[catalog_pb2.OptimizerKind(**_entry(entry)) for entry in catalog.optimizers],
            layers=[catalog_pb2.LayerKind(**_entry(entry)) for entry in catalog.layers],
            losses=[catalog_pb2.LossKind(name=e.name, description=e.description) for e in catalog.losses],
            metrics=[catalog_pb2.MetricKind(name=e.name, description=e.description) for e in catalog.metrics],
        )

    async def SummarizeModel(
        self, request: catalog_pb2.SummarizeModelRequest, context: Context
    ) -> catalog_pb2.ModelSummary:
        """The model that a specification makes."""
        spec = specs.from_wire(request.spec)
        plan, _ = await planning.plan(self._store, self._planner, spec)
        return convert.summary_to_wire(request.spec.architecture, plan)


def _entry(entry: CatalogEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "description": entry.description,
        "options_schema_json": json.dumps(entry.options_schema),
    }
