"""CatalogService and DatasetService: what can be trained, and on what."""

from __future__ import annotations

import json
from typing import Any

import grpc

from bessemer.v1 import catalog_pb2, catalog_pb2_grpc, datasets_pb2, datasets_pb2_grpc
from bessemer_server.domain import errors, ports
from bessemer_server.domain.plans import CatalogEntry
from bessemer_server.rpc import convert

Context = grpc.aio.ServicerContext[Any, Any]


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    """Tells what the planner knows."""

    def __init__(self, planner: ports.Planner) -> None:
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
        )

    async def SummarizeModel(
        self, request: catalog_pb2.SummarizeModelRequest, context: Context
    ) -> catalog_pb2.ModelSummary:
        """The model that a specification makes."""
        plan = await self._planner.plan(convert.spec_from_wire(request.spec))
        return convert.summary_to_wire(request.spec.architecture, plan)


class DatasetServicer(datasets_pb2_grpc.DatasetServiceServicer):
    """Tells which data sets there are."""

    def __init__(self, planner: ports.Planner) -> None:
        self._planner = planner

    async def GetDataset(
        self, request: datasets_pb2.GetDatasetRequest, context: Context
    ) -> datasets_pb2.Dataset:
        """One data set."""
        found = {info.name: info for info in (await self._planner.catalog()).datasets}
        if request.name not in found:
            raise errors.NotFound(f"no data set {request.name!r}; {errors.suggest(request.name, found)}")
        return convert.dataset_to_wire(found[request.name])

    async def ListDatasets(
        self, request: datasets_pb2.ListDatasetsRequest, context: Context
    ) -> datasets_pb2.ListDatasetsResponse:
        """All data sets."""
        catalog = await self._planner.catalog()
        return datasets_pb2.ListDatasetsResponse(
            datasets=[convert.dataset_to_wire(info) for info in catalog.datasets]
        )


def _entry(entry: CatalogEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "description": entry.description,
        "options_schema_json": json.dumps(entry.options_schema),
    }
