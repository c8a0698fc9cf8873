"""Bessemer's SDK: submit training jobs, watch them learn, ask the models. Start with `connect` or `local`;
`aio.connect` is for asyncio.

Names are imported when they are first used: a program that only names the package does not wait for gRPC, and the
service, which needs the stubs below this package, does not load the SDK.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bessemer import aio as aio
    from bessemer.activations import plot_activations as plot_activations
    from bessemer.catalog import Architecture as Architecture
    from bessemer.catalog import Summary as Summary
    from bessemer.client import Client as Client
    from bessemer.client import connect as connect
    from bessemer.datasets import Dataset as Dataset
    from bessemer.errors import AlreadyExists as AlreadyExists
    from bessemer.errors import BessemerError as BessemerError
    from bessemer.errors import DeadlineExceeded as DeadlineExceeded
    from bessemer.errors import FailedPrecondition as FailedPrecondition
    from bessemer.errors import InvalidArgument as InvalidArgument
    from bessemer.errors import JobFailed as JobFailed
    from bessemer.errors import NotFound as NotFound
    from bessemer.errors import PermissionDenied as PermissionDenied
    from bessemer.errors import ResourceExhausted as ResourceExhausted
    from bessemer.errors import Unauthenticated as Unauthenticated
    from bessemer.errors import Unavailable as Unavailable
    from bessemer.errors import Violation as Violation
    from bessemer.evaluation import ClassResult as ClassResult
    from bessemer.evaluation import Evaluation as Evaluation
    from bessemer.events import Checkpoint as Checkpoint
    from bessemer.events import CheckpointDamaged as CheckpointDamaged
    from bessemer.events import CheckpointSaved as CheckpointSaved
    from bessemer.events import Event as Event
    from bessemer.events import Failure as Failure
    from bessemer.events import LogLine as LogLine
    from bessemer.events import MetricsRecorded as MetricsRecorded
    from bessemer.events import Progress as Progress
    from bessemer.events import Progressed as Progressed
    from bessemer.events import StateChanged as StateChanged
    from bessemer.history import History as History
    from bessemer.jobs import Job as Job
    from bessemer.local import local as local
    from bessemer.model_record import Prediction as Prediction
    from bessemer.model_record import TensorSpec as TensorSpec
    from bessemer.models import Model as Model

_HOMES = {
    "activations": ["plot_activations"],
    "catalog": ["Architecture", "Summary"],
    "client": ["Client", "connect"],
    "datasets": ["Dataset"],
    "errors": [
        "AlreadyExists",
        "BessemerError",
        "DeadlineExceeded",
        "FailedPrecondition",
        "InvalidArgument",
        "JobFailed",
        "NotFound",
        "PermissionDenied",
        "ResourceExhausted",
        "Unauthenticated",
        "Unavailable",
        "Violation",
    ],
    "events": [
        "Checkpoint",
        "CheckpointDamaged",
        "CheckpointSaved",
        "Event",
        "Failure",
        "LogLine",
        "MetricsRecorded",
        "Progress",
        "Progressed",
        "StateChanged",
    ],
    "evaluation": ["ClassResult", "Evaluation"],
    "history": ["History"],
    "jobs": ["Job"],
    "local": ["local"],
    "model_record": ["Prediction", "TensorSpec"],
    "models": ["Model"],
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [  # noqa: PLE0604 - strings, from the table above
    "aio",
    *_MODULES,
]


def __getattr__(name: str) -> Any:
    if name == "aio":  # importing it sets the attribute
        return importlib.import_module(f"{__name__}.aio")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value  # the next use finds it without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
