"""The exporter process: writes one model to a file, and ends."""

from __future__ import annotations

import pathlib
import socket
from collections.abc import Mapping
from typing import Any

import torch

from bessemer_server.training.exchange import exporting
from bessemer_server.worker import arrays, service


def main(connection: socket.socket, threads: int) -> None:
    """Serve `export`."""
    torch.set_num_threads(threads)
    service.serve(connection, {"export": _export})


def _export(arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
    weights = {name: arrays.to_array(tensor) for name, tensor in body.items()}
    data = exporting.export(arguments["definition"], weights, arguments["metadata"])
    pathlib.Path(arguments["path"]).write_bytes(data)
    return None, {}
