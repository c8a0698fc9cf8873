"""Errors at the border: every domain error has one code, and its details can be read by programs."""

import inspect

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from bessemer_server.domain import errors as domain_errors
from bessemer_server.rpc import errors


def test_every_domain_error_has_a_code():
    kinds = {
        kind
        for _, kind in inspect.getmembers(domain_errors, inspect.isclass)
        if issubclass(kind, domain_errors.DomainError)
    }
    assert set(errors.CODES) == kinds
    assert len({(code, kind.default_reason) for kind, code in errors.CODES.items()}) == len(kinds)


def test_violations_arrive_as_bad_request_beside_the_error_info():
    violation = domain_errors.Violation("optimizer.kind", "did you mean adam?")
    status = errors.to_status(domain_errors.InvalidArgument(violations=[violation]))
    assert status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert status.message == "optimizer.kind: did you mean adam?"
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(request)
    assert (info.domain, info.reason) == ("bessemer", "INVALID_ARGUMENT")
    assert [(v.field, v.description) for v in request.field_violations] == [
        ("optimizer.kind", "did you mean adam?")
    ]


def test_the_reason_of_an_error_is_the_one_it_was_given():
    status = errors.to_status(domain_errors.Unavailable("wait", reason="HELPER_ENDED"))
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    assert info.reason == "HELPER_ENDED"


def test_a_status_stays_small_enough_for_http_trailers_whatever_it_tells():
    violations = [domain_errors.Violation(f"options.layers[{i}]", "x" * 10_000) for i in range(500)]
    status = errors.to_status(domain_errors.InvalidArgument(violations=violations))
    assert len(status.SerializeToString()) + len(status.message) < 8_000
    request = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(request)
    assert request.field_violations[-1].description == "this and 487 more are wrong too"


@pytest.mark.parametrize("kind", list(errors.CODES))
def test_what_is_kept_of_an_error_is_what_it_says_and_no_other(kind):
    for message, reason in (("one", "A"), ("one", "B"), ("two", "A"), ("one", "A")):
        error = kind(message, reason=reason)
        kept, fresh = errors.to_grpc(error), rpc_status.to_status(errors.to_status(error))
        assert (kept.code, kept.details, kept.trailing_metadata) == (
            fresh.code, fresh.details, fresh.trailing_metadata
        )  # fmt: skip
