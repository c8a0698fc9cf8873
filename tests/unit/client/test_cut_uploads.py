"""An upload that a server cuts off which stops: its reason is told, not what a second try has met."""

import asyncio
import concurrent.futures

import grpc
import numpy as np
import pytest
from safetensors.numpy import save_file

import bessemer
from bessemer import aio
from bessemer.v1 import datasets_pb2_grpc, models_pb2_grpc


class Stopping(models_pb2_grpc.ModelServiceServicer, datasets_pb2_grpc.DatasetServiceServicer):
    """Takes the header, and stops."""

    def __init__(self):
        self.tries = 0

    def UploadModel(self, request_iterator, context):  # noqa: N802 - gRPC's name
        next(request_iterator)
        self.tries += 1
        context.abort(grpc.StatusCode.UNAVAILABLE, f"the service stops (try {self.tries})")

    UploadDataset = UploadModel


@pytest.fixture
def servicer():
    return Stopping()


@pytest.fixture
def address(servicer):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    models_pb2_grpc.add_ModelServiceServicer_to_server(servicer, server)
    datasets_pb2_grpc.add_DatasetServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


@pytest.fixture
def path(tmp_path):
    save_file({"weight": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


ARRAYS = (np.zeros((4, 2), np.float32), np.arange(4) % 2)


def test_a_model(address, servicer, path):
    with (
        bessemer.connect(address) as client,
        pytest.raises(bessemer.Unavailable, match=r"the service stops \(try 1\)"),
    ):
        client.models.upload("mine", path)
    assert servicer.tries == 1


def test_a_data_set(address, servicer):
    with (
        bessemer.connect(address) as client,
        pytest.raises(bessemer.Unavailable, match=r"the service stops \(try 1\)"),
    ):
        client.datasets.upload("mine", ARRAYS)
    assert servicer.tries == 1


def test_in_asyncio(address, servicer, path):
    async def upload():
        async with aio.connect(address) as client:
            await client.models.upload("mine", path)

    with pytest.raises(bessemer.Unavailable, match=r"the service stops \(try 1\)"):
        asyncio.run(upload())
    assert servicer.tries == 1
