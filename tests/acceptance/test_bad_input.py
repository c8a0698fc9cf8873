"""Bad input over the wire: each fault named with its field, nothing created, the server unharmed."""

import math
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton

import bessemer
from bessemer.v1 import jobs_pb2, jobs_pb2_grpc

DENSE10 = {"dense": {"units": 10, "activation": "softmax"}}


@pytest.fixture(scope="module")
def iris_model(service):
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", dataset="iris", name="iris-bad-input", epochs=1)
        job.wait()
        yield job.model


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"architecture": "mnist_cn"}, "architecture", ["mnist_cn", "mnist_cnn"]),
        ({"dataset": "digit"}, "dataset", ["digit", "digits"]),
        ({"options": {"droput": 0.5}}, "options.droput", ["dropout"]),
        ({"options": {"dropout": 1.5}}, "options.dropout", ["1.5"]),
        ({"options": {"dropout": "half"}}, "options.dropout", ["half"]),
        ({"optimizer": "adma"}, "optimizer.kind", ["adma", "adam"]),
        ({"optimizer": {"kind": "adam", "learning_rat": 0.1}}, "optimizer.learning_rat", ["learning_rate"]),
        ({"optimizer": {"kind": "adam", "learning_rate": math.nan}}, "optimizer.learning_rate", ["finite"]),
        ({"optimizer": {"kind": "sgd", "learning_rate": -1}}, "optimizer.learning_rate", ["-1"]),
        ({"epochs": -3}, "epochs", ["-3", "at least 1"]),
        ({"epochs": 0}, "epochs", ["0", "at least 1"]),
        ({"epochs": "five"}, "epochs", ["five", "integer"]),
        ({"epochs": 2.5}, "epochs", ["2.5", "integer"]),
        ({"epochs": 2**40}, "epochs", []),
        ({"batch_size": 0}, "batch_size", ["0"]),
        ({"batch_size": 100_000}, "batch_size", ["1,294", "100,000"]),
        ({"seed": -1}, "seed", ["-1"]),
        ({"name": "Not A Name"}, "name", ["lower-case"]),
        ({"options": 3}, "options", []),
        ({"early_stopping": {"monitor": "val/los"}}, "early_stopping.monitor", ["val/loss"]),
        ({"early_stopping": {"patience": 0}}, "early_stopping.patience", ["0"]),
        ({"validation_split": 1.0}, "validation_split", ["1"]),
    ],
    ids=str,
)
def test_a_fault_is_named_with_its_field_and_nothing_is_created(client, change, field, words):
    before = [job.id for job in client.jobs.list()]
    arguments = {"architecture": "mnist_cnn", "dataset": "digits", **change}
    with pytest.raises(bessemer.InvalidArgument) as refused:
        client.train(**arguments)
    fields = {violation.field: violation.description for violation in refused.value.violations}
    assert field in fields, fields
    for word in words:
        assert word in fields[field], fields[field]
    assert [job.id for job in client.jobs.list()] == before


def test_all_faults_are_named_at_once(client):
    with pytest.raises(bessemer.InvalidArgument) as refused:
        client.train(
            "mnist_cnn", dataset="digits", epochs=-1, batch_size=0, optimizer="adma", options={"x": 1}
        )
    assert {v.field for v in refused.value.violations} == {
        "epochs",
        "batch_size",
        "optimizer.kind",
        "options.x",
    }


@pytest.mark.parametrize(
    ("layers", "field", "words"),
    [
        ([], "options.layers", []),
        (
            ["flatten", {"conv2d": {"filters": 8, "kernel": 3}}, "flatten", DENSE10],
            "options.layers[1]",
            ["conv2d", "64"],
        ),
        ([{"conv2d": {"filters": 8, "kernel": 9}}, "flatten", DENSE10], "options.layers[0]", ["conv2d", "9"]),
        ([{"max_pool2d": {"size": 9}}, "flatten", DENSE10], "options.layers[0]", ["max_pool2d", "9"]),
        ([DENSE10], "options.layers[0]", ["dense", "flatten"]),
        (["flatten", {"dense": {"units": 7}}], "options.layers[1]", ["7", "10"]),
        (["flatten", {"dens": {"units": 10}}], "options.layers[1]", ["dens", "dense"]),
        (["flatten", {"dense": {"unit": 10}}], "options.layers[1].dense.unit", ["units"]),
        (["flatten", {"dense": {"units": 0}}], "options.layers[1].dense.units", ["0"]),
        (["flatten", {"dropout": {"rate": 2}}, DENSE10], "options.layers[1].dropout.rate", ["2"]),
        (["flatten", 7], "options.layers[1]", ["7"]),
    ],
    ids=str,
)
def test_an_impossible_layer_list_names_index_layer_and_reason(client, layers, field, words):
    with pytest.raises(bessemer.InvalidArgument) as refused:
        client.summary("sequential", dataset="digits", options={"layers": layers})
    fields = {violation.field: violation.description for violation in refused.value.violations}
    assert field in fields, fields
    for word in words:
        assert word in fields[field], fields[field]


def test_validate_only_checks_and_creates_nothing(client, service):
    with grpc.insecure_channel(service.address) as channel:
        stub = jobs_pb2_grpc.JobServiceStub(channel)
        spec = jobs_pb2.TrainingSpec(architecture="mlp", dataset="iris")
        before = len(stub.ListJobs(jobs_pb2.ListJobsRequest(page_size=1000)).jobs)
        job = stub.CreateJob(jobs_pb2.CreateJobRequest(job=jobs_pb2.Job(spec=spec), validate_only=True))
        assert job.id == ""
        assert job.effective_spec.optimizer.kind == "adam"
        assert job.effective_spec.HasField("epochs")
        assert len(stub.ListJobs(jobs_pb2.ListJobsRequest(page_size=1000)).jobs) == before


def test_an_empty_request_names_what_is_missing(service):
    with grpc.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            jobs_pb2_grpc.JobServiceStub(channel).CreateJob(jobs_pb2.CreateJobRequest())
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "architecture" in str(refused.value.details())


def test_unknown_jobs_and_models_are_not_found(client, iris_model):
    with pytest.raises(bessemer.NotFound, match="no-such-job"):
        client.jobs.get("no-such-job")
    with pytest.raises(bessemer.NotFound, match="iris-bad-input"):
        client.models.get("iris-bad-inptu")
    with pytest.raises(bessemer.NotFound):
        client.models.get("iris-bad-input@99")
    with pytest.raises(bessemer.NotFound, match="digits"):
        client.datasets.get("digit")


@pytest.mark.parametrize(
    "features",
    [
        np.zeros((2, 5), np.float32),
        np.zeros((0, 4), np.float32),
        [["a", "b", "c", "d"]],
        np.zeros((1, 1, 1, 1)),
    ],
    ids=["too wide", "empty", "words", "too deep"],
)
def test_the_sdk_says_what_a_model_expects(iris_model, features):
    with pytest.raises(bessemer.InvalidArgument, match=r"4|number"):
        iris_model.predict(features)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (jobs_pb2.ListJobsRequest(page_size=-1), grpc.StatusCode.INVALID_ARGUMENT),
        (jobs_pb2.ListJobsRequest(page_token="nonsense"), grpc.StatusCode.INVALID_ARGUMENT),
        (jobs_pb2.ListJobsRequest.FromString(bytes([26, 1, 77])), grpc.StatusCode.INVALID_ARGUMENT),
    ],
    ids=str,
)
def test_wrong_paging_is_refused(service, request_, code):
    with grpc.insecure_channel(service.address) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            jobs_pb2_grpc.JobServiceStub(channel).ListJobs(request_)
        assert refused.value.code() is code


def test_a_cursor_beyond_the_last_event_is_refused(service, client):
    job = client.train("mlp", dataset="iris", epochs=1)
    job.wait()
    with grpc.insecure_channel(service.address) as channel:
        stream = jobs_pb2_grpc.JobServiceStub(channel).WatchJob(
            jobs_pb2.WatchJobRequest(id=job.id, cursor=10_000)
        )
        with pytest.raises(grpc.RpcError) as refused:
            next(stream)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_trainer_without_a_token_is_turned_away(service):
    from bessemer.worker.v1 import worker_pb2, worker_pb2_grpc

    with grpc.insecure_channel(service.address) as channel:
        stub = worker_pb2_grpc.WorkerServiceStub(channel)
        for metadata in ((), (("authorization", "Bearer forged"),), (("authorization", "Basic x"),)):
            with pytest.raises(grpc.RpcError) as refused:
                stub.GetAssignment(worker_pb2.GetAssignmentRequest(), metadata=metadata)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_where_nothing_listens_the_error_says_what_to_start():
    with bessemer.connect("127.0.0.1:9") as nowhere, pytest.raises(bessemer.Unavailable) as failed:
        nowhere.jobs.get("x")
    assert "127.0.0.1:9" in str(failed.value)
    assert "bessemer-server" in str(failed.value)


@pytest.mark.parametrize("version", ["9" * 30, "9" * 5000])
def test_a_version_that_no_model_can_have_is_refused(client, iris_model, version):
    with pytest.raises(bessemer.InvalidArgument, match="version"):
        client.models.get(f"{iris_model.name}@{version}")


def test_many_faults_come_through_as_what_they_are(client):
    layers = [{"dense": {"unit": 16}}] * 200
    with pytest.raises(bessemer.InvalidArgument) as refused:
        client.train("sequential", dataset="digits", options={"layers": layers})
    assert "more are wrong too" in refused.value.violations[-1].description


@pytest.mark.parametrize("method", ["/bessemer.v1.JobService/CreateJob", "/bessemer.v1.JobService/WatchJob"])
def test_bytes_that_are_no_message_are_refused(service, method):
    with grpc.insecure_channel(service.address) as channel:
        make: Any = channel.unary_stream if method.endswith("WatchJob") else channel.unary_unary
        with pytest.raises(grpc.RpcError) as refused:
            list(make(method)(b"\xff\xff\xff", timeout=30))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "cannot be decoded" in str(refused.value.details())


def test_features_that_are_not_finite_are_refused_and_the_row_named(service, iris_model):
    client = triton.InferenceServerClient(service.address)
    values = np.ones((3, 4), np.float32)
    values[2, 1] = np.nan
    tensor = triton.InferInput("features", [3, 4], "FP32")
    tensor.set_data_from_numpy(values)
    with pytest.raises(triton.InferenceServerException, match="row 2"):
        client.infer(iris_model.name, [tensor])


@pytest.mark.parametrize("job_id", [5, None, "\ud800"])
def test_an_id_that_no_message_can_hold_is_refused(client, job_id):
    with pytest.raises(bessemer.InvalidArgument, match="id"):
        client.jobs.get(job_id)
