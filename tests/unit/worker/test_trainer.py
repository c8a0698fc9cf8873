"""How an attempt ends when the threads beside its loop meet an error."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from bessemer_server.worker import reporting, trainer
from tests.unit.worker import scripted

ENDLESS = 1_000_000


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def spec(epochs: int) -> dict[str, object]:
    return {"architecture": "mlp", "dataset": "iris", "epochs": epochs, "options": {"hidden": [4]}}


@pytest.mark.parametrize("epochs", [1, ENDLESS], ids=["at the end", "while it trains"])
def test_a_checkpoint_that_is_refused_is_told_as_the_reason(epochs: int, tmp_path: Path) -> None:
    server = scripted.Server(spec(epochs))
    server.refusal = (grpc.StatusCode.INVALID_ARGUMENT, "the manifest has no tensors")
    with scripted.serve(server, tmp_path) as client:
        trainer._train(client)
    (outcome,) = server.finished
    assert outcome.failed.reason == "INTERNAL"
    assert "the manifest has no tensors" in outcome.failed.message


def test_an_attempt_that_is_no_longer_current_tells_no_outcome(tmp_path: Path) -> None:
    server = scripted.Server(spec(ENDLESS))
    server.refusal = (grpc.StatusCode.ABORTED, "another attempt has the job")
    with scripted.serve(server, tmp_path) as client, pytest.raises(reporting.Stale):
        trainer._train(client)
    assert not server.finished
