"""The evaluator process: measures one model, and ends."""

from __future__ import annotations

import dataclasses
import pathlib
import socket
from collections.abc import Mapping
from typing import Any

import torch

from bessemer_server.data import sources, uploaded
from bessemer_server.domain import datasets, errors
from bessemer_server.training import evaluation, inference
from bessemer_server.worker import arrays, service


def main(connection: socket.socket, threads: int, dataset_dir: str, cache_dir: str) -> None:
    """Serve `evaluate`."""
    torch.set_num_threads(threads)
    folders = sources.Folders(pathlib.Path(dataset_dir) if dataset_dir else None, pathlib.Path(cache_dir))

    def evaluate(arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
        weights, samples = _select(body, "weights/"), _select(body, "samples/")
        definition = arguments["definition"]
        model = inference.InferenceModel(definition, weights, "cpu")
        try:
            published = evaluation.Published(definition, arguments["spec"])
            found = evaluation.evaluate(
                model, published, _find_source(arguments, samples), arguments["split"], folders
            )
        except sources.InvalidData as error:
            raise errors.FailedPrecondition(f"{error.message}; {error.next_step}") from error
        return dataclasses.asdict(found), {}

    service.serve(connection, {"evaluate": evaluate})


def _select(body: service.Body, prefix: str) -> dict[str, arrays.Array]:
    """Copies of the arrays whose names begin with the prefix, which is taken off."""
    return {
        name.removeprefix(prefix): arrays.to_array(tensor).copy()
        for name, tensor in body.items()
        if name.startswith(prefix)
    }


def _find_source(arguments: Mapping[str, Any], samples: Mapping[str, arrays.Array]) -> sources.Source:
    if arguments["uploaded"]:
        content = datasets.Content.from_json(arguments["uploaded"])
        return uploaded.make_source(content.info, content.scale, samples.keys(), samples.__getitem__)
    if arguments["dataset"] not in sources.REGISTRY:
        description = sources.REGISTRY.unknown(arguments["dataset"])
        raise errors.InvalidArgument(violations=[errors.Violation("dataset", description)])
    return sources.REGISTRY.get(arguments["dataset"])
