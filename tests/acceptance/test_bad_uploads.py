"""Uploads that go wrong: each says what to do, nothing of them stays, the server is unharmed."""

import asyncio
import contextlib
import pathlib
import sqlite3

import grpc
import numpy as np
import pytest

import bessemer
from bessemer.v1 import datasets_pb2 as pb
from bessemer.v1 import datasets_pb2_grpc

GOOD = b"x,label\n1,a\n2,b\n"
CSV = pb.UploadHeader.CSV


@pytest.fixture
def send(service):
    """Send raw messages; returns the status and its text."""
    with grpc.insecure_channel(service.address) as channel:
        stub = datasets_pb2_grpc.DatasetServiceStub(channel)

        def call(*parts):
            kinds = {pb.UploadHeader: "header", pb.FileChunk: "chunk"}
            requests = [pb.UploadDatasetRequest(**{kinds[type(part)]: part}) for part in parts]
            with pytest.raises(grpc.RpcError) as refused:
                stub.UploadDataset(iter(requests), timeout=30)
            return refused.value.code().name, refused.value.details()

        yield call


def spooled(service):
    return list((pathlib.Path(service.data_dir) / "uploads").glob("*"))


@pytest.mark.parametrize(
    ("parts", "status", "words"),
    [
        ([], "INVALID_ARGUMENT", "begins with its header"),
        ([pb.FileChunk(path="a", data=GOOD)], "INVALID_ARGUMENT", "begins with its header"),
        ([pb.UploadHeader(name="ok", format=CSV)], "INVALID_ARGUMENT", "no files were sent"),
        ([pb.UploadHeader(name="ok", format=CSV)] * 2, "INVALID_ARGUMENT", "after the header come chunks"),
        ([pb.UploadHeader(name="Not Ok", format=CSV)], "INVALID_ARGUMENT", "name: must start with a lower-case"),
        ([pb.UploadHeader(name="../up", format=CSV)], "INVALID_ARGUMENT", "name: must start with a lower-case"),
        ([pb.UploadHeader(name="iris", format=CSV)], "INVALID_ARGUMENT", "'iris' comes with the service"),
        ([pb.UploadHeader(name="ok")], "INVALID_ARGUMENT", "IMAGE_FOLDERS, TEXT_FOLDERS, CSV, NPZ"),
        ([pb.UploadHeader.FromString(b"\n\x02ok\x10\x09")], "INVALID_ARGUMENT", "format: 9 is no format"),
        ([pb.UploadHeader(name="ok", format=CSV, size=pb.ImageSize(height=1, width=1))], "INVALID_ARGUMENT", "size: is for folders of images"),
        ([pb.UploadHeader(name="ok", format=pb.UploadHeader.IMAGE_FOLDERS, size=pb.ImageSize(height=9999, width=1))], "INVALID_ARGUMENT", "from 1 to 4096"),
        ([pb.UploadHeader(name="ok", format=pb.UploadHeader.NPZ, label_column="a")], "INVALID_ARGUMENT", "label: names a column"),
        ([pb.UploadHeader(name="ok", format=CSV, labels=["a", "a"])], "INVALID_ARGUMENT", "labels: has a name twice"),
        ([pb.UploadHeader(name="ok", format=CSV), pb.FileChunk(data=GOOD)], "INVALID_ARGUMENT", "names its path"),
        ([pb.UploadHeader(name="ok", format=CSV), *[pb.FileChunk(path="a", data=GOOD)] * 2], "INVALID_ARGUMENT", "a: came twice"),
        ([pb.UploadHeader(name="ok", format=CSV), *[pb.FileChunk(path=p, data=GOOD) for p in "ab"]], "INVALID_ARGUMENT", "must be one file, but 2 came"),
        ([pb.UploadHeader(name="ok", format=CSV), pb.FileChunk(path="a", data=bytes((1 << 20) + 1))], "RESOURCE_EXHAUSTED", "a chunk has 1,048,577 bytes"),
    ],
)  # fmt: skip
def test_messages_that_make_no_upload_are_refused(client, service, send, *, parts, status, words):
    code, text = send(*parts)
    assert code == status
    assert words in text
    assert spooled(service) == []
    assert "ok" not in {dataset.name for dataset in client.datasets.list()}


def test_a_path_is_a_name_and_leads_nowhere(service, send, tmp_path):
    header = pb.UploadHeader(name="ok", format=pb.UploadHeader.IMAGE_FOLDERS)
    target = tmp_path / "x" / "1.png"
    code, text = send(header, pb.FileChunk(path=f"../../../../{target}", data=b"?"))
    assert code == "INVALID_ARGUMENT"
    assert "is no picture that can be read" in text
    assert not target.exists()


def test_every_faulty_file_reaches_the_user_with_its_path(client, service, tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(10):
            (tmp_path / label / f"{number}.png").write_bytes(b"no picture")
    with pytest.raises(bessemer.InvalidArgument) as refused:
        client.datasets.upload("broken", tmp_path)
    found = refused.value.violations
    assert [violation.field for violation in found[:2]] == ["cat/0.png", "cat/1.png"]
    assert found[-1].description == "this and 8 more are wrong too"
    assert spooled(service) == []
    with pytest.raises(bessemer.NotFound):
        client.datasets.get("broken")


def test_an_upload_beyond_the_limit_is_refused_and_says_who_can_change_it(make_service, tmp_path):
    service = make_service("--max-upload-mib", "1")
    service.start()
    with bessemer.connect(service.address) as client:
        with pytest.raises(bessemer.ResourceExhausted, match=r"more than 1 MiB.*--max-upload-mib"):
            client.datasets.upload("large", (np.zeros((2, 200_000)), [0, 1]))
        assert client.datasets.upload("small", (np.zeros((2, 2)), [0, 1])).train_samples == 2
    assert spooled(service) == []


def test_a_file_that_vanishes_while_it_is_sent_is_an_error_of_its_own(client, tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.png").write_bytes(b"x")
    from bessemer import uploads

    requests = uploads.build("gone", tmp_path)
    (tmp_path / "dog" / "1.png").unlink()
    transport = client._transport
    with pytest.raises(FileNotFoundError):
        transport.upload(transport.datasets.UploadDataset, requests)


def test_asyncio_uploads_and_deletes_as_well(service):
    async def run():
        async with bessemer.aio.connect(service.address) as client:
            made = await client.datasets.upload("awaited", (np.eye(4), [0, 1, 0, 1]))
            assert await client.datasets.get("awaited") == made
            with pytest.raises(bessemer.InvalidArgument, match="y: has 3 labels"):
                await client.datasets.upload("awaited", (np.eye(4), [0, 1, 0]))
            await client.datasets.delete("awaited")

    asyncio.run(run())


def test_a_data_set_survives_the_server_and_so_does_the_job_on_it(make_service):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        made = client.datasets.upload("lasting", (np.eye(8), [0, 1] * 4))
    service.kill()
    (pathlib.Path(service.data_dir) / "uploads" / "left").mkdir(parents=True, exist_ok=True)
    service.start()
    assert spooled(service) == []
    with bessemer.connect(service.address) as client:
        assert client.datasets.get("lasting") == made
        job = client.train("mlp", dataset="lasting", epochs=1, batch_size=2)
        job.wait()


@pytest.mark.long
def test_a_data_set_whose_bytes_have_changed_fails_its_job_and_says_so(make_service):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        client.datasets.upload("damaged", (np.eye(8), [0, 1] * 4))
    service.stop()
    with contextlib.closing(sqlite3.connect(service.data_dir / "bessemer.db")) as database, database:
        database.execute("UPDATE blobs SET data = zeroblob(length(data))")
    service.start()
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", dataset="damaged", epochs=1, batch_size=2)
        with pytest.raises(bessemer.JobFailed, match=r"the stored bytes of blob .* have changed") as failed:
            job.wait()
    assert failed.value.reason == "INVALID_DATA"
    assert failed.value.failure is not None
    assert "upload the data set again" in failed.value.failure.next_step
