"""The planner process: says what a specification would make, by building it on torch's meta device."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Mapping
from typing import Any

from bessemer_server.domain import bases, plans
from bessemer_server.domain.predictions import Asked
from bessemer_server.training import asking, planning
from bessemer_server.worker import service


def main(connection: socket.socket) -> None:
    """Serve `plan`, `plan_prediction` and `catalog`."""
    handlers = {"plan": _plan, "plan_prediction": _plan_prediction, "catalog": _catalog}
    service.serve(connection, handlers)


def _plan(arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
    info, validation = (_read_info(arguments.get(key)) for key in ("uploaded", "validation"))
    known = {reference: bases.Base.from_json(base) for reference, base in arguments["bases"].items()}
    return dataclasses.asdict(planning.plan(arguments["spec"], info, known, validation)), {}


def _plan_prediction(arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
    asked, info = Asked.from_json(arguments["asked"]), _read_info(arguments["uploaded"])
    return asking.plan(arguments["spec"], asked, info), {}


def _read_info(body: Mapping[str, Any] | None) -> plans.DatasetInfo | None:
    if body is None:
        return None
    return plans.DatasetInfo(**{**body, "shape": tuple(body["shape"]), "labels": tuple(body["labels"])})


def _catalog(arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
    return dataclasses.asdict(planning.catalog()), {}
