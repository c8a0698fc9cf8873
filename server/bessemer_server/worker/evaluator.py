"""The evaluator process: measures one model, and ends."""

from __future__ import annotations

import dataclasses
import pathlib
import socket
from collections.abc import Mapping
from typing import Any

import torch

from bessemer_server.data import sources
from bessemer_server.domain import datasets, errors
from bessemer_server.training import evaluation, predictors
from bessemer_server.worker import arrays, fetching, service


def main(connection: socket.socket, threads: int, dataset_dir: str, cache_dir: str) -> None:
    """Serve `evaluate`."""
    torch.set_num_threads(threads)
    folders = sources.Folders(pathlib.Path(dataset_dir) if dataset_dir else None, pathlib.Path(cache_dir))

    def evaluate(arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
        weights = {name: arrays.to_array(tensor).copy() for name, tensor in body.items()}
        definition = arguments["definition"]
        model = predictors.build(definition, weights, "cpu")
        try:
            published = evaluation.Published(definition, arguments["spec"])
            found = evaluation.evaluate(
                model, published, _find_source(arguments), arguments["split"], folders
            )
        except sources.InvalidData as error:
            raise errors.FailedPrecondition(f"{error.message}; {error.next_step}") from error
        return dataclasses.asdict(found), {}

    service.serve(connection, {"evaluate": evaluate})


def _find_source(arguments: Mapping[str, Any]) -> sources.Source:
    if arguments["uploaded"]:
        return fetching.open_source(datasets.Content.from_json(arguments["uploaded"]), arguments["samples"])
    if arguments["dataset"] not in sources.REGISTRY:
        description = sources.REGISTRY.unknown(arguments["dataset"])
        raise errors.InvalidArgument(violations=[errors.Violation("dataset", description)])
    return sources.REGISTRY.get(arguments["dataset"])
