"""The importer process: looks into one file of weights, and ends."""

from __future__ import annotations

import dataclasses
import pathlib
import socket
from collections.abc import Mapping
from typing import Any

import torch

from bessemer_server.training.exchange import importing
from bessemer_server.worker import arrays, service


def main(connection: socket.socket, threads: int) -> None:
    """Serve `import`."""
    torch.set_num_threads(threads)
    service.serve(connection, {"import": _import})


def _import(arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
    found = importing.read(arguments["path"], arguments["like"])
    with pathlib.Path(arguments["output"]).open("wb") as output:
        entries = [arrays.write(output, name, array) for name, array in found.weights.items()]
    return {
        "definition": found.definition,
        "origin": found.origin,
        "tensors": [dataclasses.asdict(entry) for entry in entries],
        "parameters": found.parameters,
    }, {}
