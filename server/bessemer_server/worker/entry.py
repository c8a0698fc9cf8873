"""Entry points of the forked processes. Free of torch, so that the server can name them; each imports its own room."""

from __future__ import annotations

import dataclasses
import socket

from bessemer_server.worker import priorities
from bessemer_server.worker.arena import Arena


@dataclasses.dataclass(frozen=True, slots=True)
class TrainerConfig:
    """All that a trainer is told before its first call."""

    address: str
    """gRPC target of the server, e.g. `unix:/var/lib/bessemer/worker.sock`."""
    token: str
    """Good for one attempt of one job."""
    log_folder: str
    """Where what it prints goes."""


def run_trainer(config: TrainerConfig) -> None:
    """Train one attempt of one job, then exit."""
    from bessemer_server.worker import trainer

    trainer.main(config)


def run_planner(connection: socket.socket) -> None:
    """Answer what can be trained, until the server is gone."""
    from bessemer_server.worker import planner

    planner.main(connection)


def run_ingester(connection: socket.socket) -> None:
    """Look into uploads, until the server is gone."""
    priorities.stand_back(priorities.WORK)
    from bessemer_server.worker import ingester

    ingester.main(connection)


def run_predictor(
    connection: socket.socket, arena: Arena | None, device: str, threads: int, engine: str
) -> None:
    """Hold models and predict, until the server is gone."""
    priorities.stand_back(priorities.PREDICTIONS)
    from bessemer_server.worker import predictor

    predictor.main(connection, arena, device, threads, engine)


def run_evaluator(connection: socket.socket, threads: int, dataset_dir: str, cache_dir: str) -> None:
    """Measure one model on a data set."""
    priorities.stand_back(priorities.WORK)
    from bessemer_server.worker import evaluator

    evaluator.main(connection, threads, dataset_dir, cache_dir)


def run_importer(connection: socket.socket, threads: int) -> None:
    """Look into a file of weights."""
    priorities.stand_back(priorities.WORK)
    from bessemer_server.worker import importer

    importer.main(connection, threads)


def run_exporter(connection: socket.socket, threads: int) -> None:
    """Write one model to a file."""
    priorities.stand_back(priorities.WORK)
    from bessemer_server.worker import exporter

    exporter.main(connection, threads)
