"""How long a trainer repeats a call."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc_status import rpc_status

from bessemer_server.domain import errors
from bessemer_server.rpc import errors as rpc_errors
from bessemer_server.worker import reporting


class Refusal(grpc.RpcError):
    """An error as it arrives at a client."""

    def __init__(self, error: errors.DomainError) -> None:
        super().__init__(error.message)
        self._status = rpc_status.to_status(rpc_errors.to_status(error))

    def code(self) -> grpc.StatusCode:
        code: grpc.StatusCode = self._status.code
        return code

    def details(self) -> str:
        return str(self._status.details)

    def trailing_metadata(self) -> Any:
        return self._status.trailing_metadata


def tries(error: errors.DomainError, seconds_between: float) -> int:
    """How often a call is tried that always fails like this; 100 is for ever."""
    now_s = 0.0
    patience = reporting.Patience(lambda: now_s)
    for count, _ in enumerate(patience.pauses(), start=1):
        patience.check(Refusal(error))
        now_s += seconds_between
        if count == 100:
            break
    return count


def test_a_server_that_is_away_is_given_up_and_one_whose_disk_is_full_never() -> None:
    assert tries(errors.Unavailable("it restarts"), reporting.PATIENCE_S / 2) == 2
    assert tries(errors.DiskFull("no room"), reporting.PATIENCE_S / 2) == 100


def test_a_message_that_is_too_large_is_not_sent_again() -> None:
    with pytest.raises(Refusal):
        tries(errors.ResourceExhausted("too large"), 1)
