"""Bessemer's SDK: submit training jobs, watch them learn, ask the models. Start with `connect` or `local`."""

from bessemer.catalog import Architecture, Summary
from bessemer.client import Client, connect
from bessemer.datasets import Dataset
from bessemer.errors import (
    AlreadyExists,
    BessemerError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    JobFailed,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Violation,
)
from bessemer.events import (
    Checkpoint,
    CheckpointSaved,
    Event,
    Failure,
    MetricsRecorded,
    Progress,
    Progressed,
    StateChanged,
)
from bessemer.history import History
from bessemer.jobs import Job
from bessemer.local import local
from bessemer.models import Model, Prediction, TensorSpec

__all__ = [
    "AlreadyExists",
    "Architecture",
    "BessemerError",
    "Checkpoint",
    "CheckpointSaved",
    "Client",
    "Dataset",
    "DeadlineExceeded",
    "Event",
    "FailedPrecondition",
    "Failure",
    "History",
    "InvalidArgument",
    "Job",
    "JobFailed",
    "MetricsRecorded",
    "Model",
    "NotFound",
    "PermissionDenied",
    "Prediction",
    "Progress",
    "Progressed",
    "ResourceExhausted",
    "StateChanged",
    "Summary",
    "TensorSpec",
    "Unauthenticated",
    "Unavailable",
    "Violation",
    "connect",
    "local",
]
