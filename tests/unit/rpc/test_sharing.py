"""Tensors in shared memory, as requests name them."""

import threading

import pytest

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc.inference import sharing
from bessemer_server.serving import regions


class Zeros:
    """Memory without an end."""

    size_bytes = 1 << 40

    def read(self, offset, count):
        return bytes(count)

    def write(self, offset, pieces):
        """Nobody reads it."""


@pytest.fixture
def shared():
    registry = regions.Registry(lambda key: Zeros())
    registry.register("r", "zeros", 0, 1 << 30)
    return sharing.Tensors(registry)


def make_request(*byte_sizes, place="inputs"):
    request = pb.ModelInferRequest(model_name="m")
    for n, byte_size in enumerate(byte_sizes):
        tensor = getattr(request, place).add(name=f"t{n}")
        if byte_size is not None:
            tensor.parameters["shared_memory_region"].string_param = "r"
            tensor.parameters["shared_memory_byte_size"].int64_param = byte_size
    return request


@pytest.mark.parametrize("place", ["inputs", "outputs"])
def test_a_server_that_shares_no_memory_refuses_tensors_in_it(place):
    with pytest.raises(errors.InvalidArgument, match=f"shared memory is not offered, but {place[:-1]} 't0'"):
        sharing.NOT_OFFERED.find(make_request(4, place=place))
    assert sharing.NOT_OFFERED.find(make_request(None, place=place)) is sharing.NONE
    assert sharing.NOT_OFFERED.servicer is None
    assert sharing.NOT_OFFERED.extensions == ()


def test_tensors_are_found_by_their_position(shared):
    spans = shared.find(make_request(None, 4, None, 8))
    assert {i: span.byte_size for i, span in spans.inputs.items()} == {1: 4, 3: 8}
    assert spans.input_bytes == 12


def test_one_request_copies_no_more_than_a_message_may_have(shared):
    half = sharing.MAX_REQUEST_BYTES // 2
    shared.find(make_request(half, half))
    with pytest.raises(errors.InvalidArgument, match="at most 268,435,456; send fewer rows"):
        shared.find(make_request(half, half, 1))


def test_all_requests_together_hold_no_more_than_is_allowed(shared):
    spans = shared.find(make_request(sharing.MAX_REQUEST_BYTES))
    with shared.hold(spans), shared.hold(spans), shared.hold(spans):
        with pytest.raises(KeyError), shared.hold(spans):  # noqa: PT012
            with pytest.raises(errors.ResourceExhausted, match="ask again"), shared.hold(spans):
                pass
            raise KeyError  # what fails gives back what it held
        with shared.hold(spans):
            pass


async def test_what_is_large_is_copied_beside_the_event_loop(shared, monkeypatch):
    threads = []

    def read(memory, offset, count):
        threads.append(threading.current_thread())
        return bytes(count)

    monkeypatch.setattr(Zeros, "read", read)
    await sharing.read(shared.find(make_request(16, 16)).inputs)
    assert {*threads} == {threading.main_thread()}
    threads.clear()
    half = sharing.BLOCKING_BYTES // 2  # many that are small take as long as one that is large
    await sharing.read(shared.find(make_request(half, half)).inputs)
    assert len(threads) == 2
    assert threading.main_thread() not in threads
