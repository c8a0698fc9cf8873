"""The seams: what the rooms ask of each other. Each has an in-memory twin and a conformance suite."""

from bessemer_server.domain.ports.attempts import Attempts
from bessemer_server.domain.ports.blobs import BlobStore
from bessemer_server.domain.ports.checkpoints import Checkpoints
from bessemer_server.domain.ports.datasets import Datasets
from bessemer_server.domain.ports.history import History
from bessemer_server.domain.ports.holds import Holds
from bessemer_server.domain.ports.jobs import Jobs
from bessemer_server.domain.ports.models import Models
from bessemer_server.domain.ports.processes import (
    MAX_LOST,
    Evaluator,
    Executor,
    Exporter,
    Importer,
    Ingester,
    Logs,
    Planner,
    Predicted,
    Predictor,
)
from bessemer_server.domain.ports.store import Store

__all__ = [
    "MAX_LOST",
    "Attempts",
    "BlobStore",
    "Checkpoints",
    "Datasets",
    "Evaluator",
    "Executor",
    "Exporter",
    "History",
    "Holds",
    "Importer",
    "Ingester",
    "Jobs",
    "Logs",
    "Models",
    "Planner",
    "Predicted",
    "Predictor",
    "Store",
]
