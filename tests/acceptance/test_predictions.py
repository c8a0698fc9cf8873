"""Predictions over a data set through the service: SDK, asyncio, command line, files; what is refused, and what is kept."""

import csv
import io
import json
import pathlib
import subprocess
import sys

import grpc
import numpy as np
import pytest
import safetensors.numpy
from sklearn.datasets import load_digits, load_iris

import bessemer
from bessemer.v1 import jobs_pb2, jobs_pb2_grpc

COMMAND = pathlib.Path(sys.executable).with_name("bessemer")
TEXTS = {"good": ["a great film", "what a great idea"], "bad": ["a dull film", "what a dull idea"]}


@pytest.fixture(scope="module")
def client(service):
    with bessemer.connect(service.address) as client:
        yield client


@pytest.fixture(scope="module")
def model(client):
    settings = {"dataset": "iris", "name": "asked", "epochs": 20, "batch_size": 16, "seed": 2}
    return client.train("mlp", **settings).wait(progress=False).model


@pytest.fixture(scope="module")
def job(model):
    """A whole data set, in two steps and the rest of a third."""
    return model.predict_dataset(batch_size=64).wait(progress=False)


@pytest.fixture(scope="module")
def stub(service):
    """What other languages have."""
    with grpc.insecure_channel(service.address) as channel:
        yield jobs_pb2_grpc.JobServiceStub(channel)


def check_same(found, expected):
    assert [p.label for p in found] == [p.label for p in expected]
    assert [p.index for p in found] == [p.index for p in expected]
    # A model may be served by another engine than torch.
    given, wanted = ([p.probabilities for p in each] for each in (found, expected))
    np.testing.assert_allclose(given, wanted, atol=1e-5)


@pytest.fixture
def busy(client):
    """Somebody trains in the only slot, so that whatever is submitted waits; the function lets it go."""
    clock = client.train(
        "mlp", dataset="iris", epochs=1_000_000, checkpoint={"every_epochs": 0}, priority=100
    )
    for event in clock.watch():
        if isinstance(event, bessemer.StateChanged) and event.state == "RUNNING":
            break
    yield clock.cancel
    if clock.refresh().state == "RUNNING":
        clock.cancel()


def fields(refused):
    return [violation.field for violation in refused.value.violations]


def test_every_sample_of_the_models_own_data_set_has_the_answer_of_predict(job, model):
    iris = load_iris()
    found = list(job.predictions())
    check_same(found, model.predict(iris.data.astype(np.float32)))
    assert [p.true_label for p in found] == [iris.target_names[index] for index in iris.target]
    assert all(p.probability == max(p.probabilities) for p in found)


def test_the_job_says_what_it_is_and_how_far(client, job, model):
    assert (job.kind, job.dataset, job.architecture, job.name) == ("prediction", "iris", "", "asked-iris")
    assert job.spec == {"model": "asked@1", "split": "all", "batch_size": 64}
    assert job.effective_spec == {**job.spec, "dataset": "iris"}
    assert (job.progress.step, job.progress.steps, job.progress.fraction) == (3, 3, 1.0)
    assert job.model_reference is None
    assert job.model is None
    assert [change.state for change in job.transitions] == ["QUEUED", "STARTING", "RUNNING", "SUCCEEDED"]
    assert "predicts with asked@1 on iris" in next(iter(job.logs())).text
    assert client.jobs.get(model.job_id).kind == "training"


def test_what_learns_nothing_has_no_curves_and_no_pictures(job, tmp_path):
    assert dict(job.history) == {}
    with pytest.raises(bessemer.FailedPrecondition, match="predicts and learns nothing"):
        job.plot(tmp_path / "curves.png")
    with pytest.raises(bessemer.FailedPrecondition, match="it predicts with asked@1"):
        job.samples()


def test_what_trains_has_no_predictions(client, model):
    trained = client.jobs.get(model.job_id)
    with pytest.raises(bessemer.FailedPrecondition, match="trains and predicts nothing"):
        list(trained.predictions())


def test_images_are_predicted_as_they_are_served(client):
    cnn = client.train("mnist_cnn", dataset="digits", epochs=1, name="asked-cnn").wait(progress=False).model
    job = cnn.predict_dataset("digits", batch_size=100).wait(progress=False)
    found = list(job.predictions())
    check_same(found, cnn.predict(load_digits().images.astype(np.uint8)[..., None]))
    right = [p.label == p.true_label for p in cnn.predict_dataset(split="test").wait().predictions()]
    assert np.mean(right) == pytest.approx(cnn.metrics["test/accuracy"])


def test_texts_and_data_that_a_user_uploaded_are_predicted(client, tmp_path):
    order = []
    for label, texts in sorted(TEXTS.items()):
        for index in range(20):
            file = tmp_path / "texts" / label / f"{index:02}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(texts[index % 2])
            order.append((texts[index % 2], label))
    client.datasets.upload("asked-opinions", tmp_path / "texts")
    settings = {"epochs": 1, "batch_size": 8, "text": {"vocabulary": 20, "length": 5}, "name": "asked-texts"}
    lstm = client.train("lstm_classifier", dataset="asked-opinions", options={"units": 4}, **settings)
    model = lstm.wait(progress=False).model
    found = list(model.predict_dataset(batch_size=16).wait(progress=False).predictions())
    check_same(found, model.predict([text for text, _ in order]))
    assert [p.true_label for p in found] == [label for _, label in order]


def test_data_with_other_classes_is_predicted_with_its_own_true_labels(client, model):
    draw = np.random.default_rng(5)
    features = draw.normal(3.0, 2.0, (40, 4)).astype(np.float32)
    client.datasets.upload("asked-flowers", (features, np.arange(40) % 2), labels=["rose", "tulip"])
    found = list(model.predict_dataset("asked-flowers").wait(progress=False).predictions())
    check_same(found, model.predict(features))
    assert [p.true_label for p in found] == ["rose", "tulip"] * 20
    assert {p.label for p in found} <= set(model.labels)


def test_a_model_from_a_file_of_unknown_origin_is_asked_about_data_that_are_named(client, model, tmp_path):
    model.export(tmp_path / "whole.safetensors")
    with safetensors.safe_open(tmp_path / "whole.safetensors", "numpy") as file:
        definition = file.metadata()["definition"]
    weights = safetensors.numpy.load_file(tmp_path / "whole.safetensors")
    safetensors.numpy.save_file(weights, tmp_path / "bare.safetensors", {"definition": definition})
    bare = client.models.upload("asked-bare", tmp_path / "bare.safetensors")
    with pytest.raises(bessemer.InvalidArgument, match="came from a file that names no data set") as refused:
        bare.predict_dataset()
    assert fields(refused) == ["dataset"]
    jobs = [each.predict_dataset("iris", split="test").wait(progress=False) for each in (bare, model)]
    ours, theirs = (list(job.predictions()) for job in jobs)
    assert ours == theirs
    assert len(ours) == 30


def test_results_larger_than_a_message_come_whole_and_in_order(client):
    draw = np.random.default_rng(6)
    labels = np.arange(60_000) % 12
    features = (draw.normal(size=(60_000, 2)) + labels[:, None]).astype(np.float32)
    client.datasets.upload("asked-many", (features, labels))
    settings = {"dataset": "asked-many", "epochs": 1, "batch_size": 2000, "name": "asked-many"}
    model = client.train("mlp", options={"hidden": [8]}, **settings).wait(progress=False).model
    job = model.predict_dataset(batch_size=4096).wait(progress=False)
    parts = []
    request = jobs_pb2.ReadPredictionsRequest(id=job.id)
    for message in job._transport.stream(job._transport.jobs.ReadPredictions, request):
        parts.append(message.WhichOneof("part"))
        assert message.ByteSize() < 2 << 20
    assert parts[0] == "header"
    assert len(parts) > 3
    found = list(job.predictions())
    assert [int(p.true_label) for p in found] == labels.tolist()
    check_same(found[-100:], model.predict(features[-100:]))


def test_predictions_are_written_as_csv(job, tmp_path):
    path = tmp_path / "out.csv"
    job.export_predictions(path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = list(job.predictions())
    assert list(rows[0]) == ["sample", "true_label", "label", "probability"] + [
        f"p_{label}" for label in ("setosa", "versicolor", "virginica")
    ]
    for number, (row, prediction) in enumerate(zip(rows, found, strict=True)):
        assert (row["sample"], row["label"]) == (str(number), prediction.label)
        assert row["true_label"] == prediction.true_label
        assert np.float32(row["probability"]) == np.float32(prediction.probability)
        assert [np.float32(v) for v in [*row.values()][4:]] == [
            np.float32(v) for v in prediction.probabilities
        ]
    opened = io.BytesIO()
    job.export_predictions(opened)
    assert opened.getvalue() == path.read_bytes()


def test_predictions_are_written_as_arrays(job, tmp_path):
    for name in ("a.npz", "b.npz"):
        job.export_predictions(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found = list(job.predictions())
    with np.load(tmp_path / "a.npz") as arrays:
        assert set(arrays) == {"probabilities", "index", "label", "true_label", "labels"}
        assert arrays["probabilities"].dtype == np.float32
        np.testing.assert_array_equal(arrays["probabilities"], [p.probabilities for p in found])
        assert arrays["index"].tolist() == [p.index for p in found]
        assert arrays["label"].tolist() == [p.label for p in found]
        assert arrays["true_label"].tolist() == [p.true_label for p in found]
        assert arrays["labels"].tolist() == ["setosa", "versicolor", "virginica"]


@pytest.mark.parametrize(
    ("name", "words"), [("out.txt", "must end in .csv or .npz"), ("no/out.csv", "no folder")]
)
def test_a_file_that_cannot_be_is_refused_and_none_is_left(job, tmp_path, name, words):
    with pytest.raises(bessemer.InvalidArgument, match=words) as refused:
        job.export_predictions(tmp_path / name)
    assert fields(refused) == ["path"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.csv", "out.npz"])
def test_a_file_is_not_there_when_there_is_nothing_to_write(client, model, tmp_path, name):
    with pytest.raises(bessemer.FailedPrecondition):
        client.jobs.get(model.job_id).export_predictions(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


async def test_asyncio_gives_the_same(service, job, tmp_path):
    async with bessemer.aio.connect(service.address) as client:
        model = await client.models.get("asked")
        again = await model.predict_dataset("iris", batch_size=64)
        await again.wait(progress=False)
        assert [p async for p in again.predictions()] == list(job.predictions())
        await again.export_predictions(tmp_path / "theirs.csv")
        with pytest.raises(bessemer.FailedPrecondition, match="learns nothing"):
            await again.plot()
    job.export_predictions(tmp_path / "ours.csv")
    assert (tmp_path / "theirs.csv").read_bytes() == (tmp_path / "ours.csv").read_bytes()


def test_the_same_key_is_the_same_job(model):
    first = model.predict_dataset(idempotency_key="asked-once")
    assert model.predict_dataset(idempotency_key="asked-once").id == first.id
    with pytest.raises(bessemer.AlreadyExists):
        model.predict_dataset(split="test", idempotency_key="asked-once")
    first.wait(progress=False)


def test_an_alias_is_pinned_to_its_version_and_stays_the_same_request_when_it_moves(client, stub):
    for seed in (1, 2):
        client.train("mlp", dataset="iris", epochs=1, seed=seed, name="asked-moving").wait(progress=False)
    client.models.set_alias("asked-moving", "best", 1)
    spec = jobs_pb2.PredictionSpec(model="asked-moving@best")
    request = jobs_pb2.CreateJobRequest(job=jobs_pb2.Job(prediction=spec), request_id="asked-moving")
    first = stub.CreateJob(request)
    assert first.prediction == spec
    assert first.effective_prediction.model == "asked-moving@1"
    client.models.set_alias("asked-moving", "best", 2)
    assert stub.CreateJob(request).id == first.id
    request.job.CopyFrom(jobs_pb2.Job(prediction=first.effective_prediction))
    request.validate_only = True
    shown = stub.CreateJob(request)
    assert (shown.id, shown.effective_prediction) == ("", first.effective_prediction)
    assert client.jobs.get(first.id).wait(progress=False).state == "SUCCEEDED"


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ({"dataset": "digits"}, "dataset", "digits has image of shape"),
        ({"dataset": "irsi"}, "dataset", "there is no data set 'irsi'; did you mean iris"),
        ({"split": "trian"}, "split", "did you mean train"),
        ({"batch_size": 0}, "batch_size", "at least 1"),
        ({"batch_size": 70_000}, "batch_size", "at most 65536"),
        ({"batch_size": "many"}, "batch_size", "must be an integer"),
        ({"batch_size": 2**40}, "batch_size", "must be at most"),
        ({"dataset": 7}, "dataset", "must be a name"),
        ({"name": "No Name"}, "name", "lower-case"),
        ({"priority": 101}, "priority", "100"),
        ({"max_runtime": -1}, "max_runtime", "above 0"),
    ],
)
def test_what_cannot_be_predicted_is_refused_by_field(model, arguments, field, words):
    with pytest.raises(bessemer.InvalidArgument, match=words) as refused:
        model.predict_dataset(**arguments)
    assert fields(refused) == [field]


def test_all_faults_are_told_at_once(model):
    with pytest.raises(bessemer.InvalidArgument) as refused:
        model.predict_dataset("nothing", split="none", batch_size=0, name="No Name")
    assert set(fields(refused)) == {"dataset", "split", "batch_size", "name"}


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("askde", "there is no model 'askde'; did you mean asked"),
        ("asked@9", "has no version 9"),
        ("asked@nobody", "has no alias 'nobody'"),
        ("asked@", "must name a model"),
        ("asked@-1", "failed to get model version"),
        ("", "must name a model"),
    ],
)
def test_a_model_that_is_not_there_is_refused_by_field(model, stub, reference, words):
    work = jobs_pb2.Job(prediction=jobs_pb2.PredictionSpec(model=reference, dataset="iris"))
    with pytest.raises(grpc.RpcError) as refused:
        stub.CreateJob(jobs_pb2.CreateJobRequest(job=work))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    told = refused.value.details() or ""
    assert told.startswith("model: ")
    assert words in told


def test_a_generator_is_refused(client):
    options = {"latent": 4, "filters": 4, "sample_every": 0}
    gan = client.train("dcgan", dataset="digits", epochs=1, name="asked-gan", options=options)
    with pytest.raises(bessemer.InvalidArgument, match="makes pictures") as refused:
        gan.wait(progress=False).model.predict_dataset("digits")
    assert fields(refused) == ["model"]


def test_a_model_is_kept_until_its_predictions_are_over_which_outlive_it_and_its_data(client, request):
    draw = np.random.default_rng(7)
    features = draw.normal(3.0, 2.0, (50, 4)).astype(np.float32)
    client.datasets.upload("asked-passing", (features, np.arange(50) % 2))
    settings = {"dataset": "asked-passing", "epochs": 1, "name": "asked-passing"}
    passing = client.train("mlp", **settings).wait(progress=False).model
    expected = passing.predict(features)
    let_go = request.getfixturevalue("busy")
    job = passing.predict_dataset(batch_size=8)
    urgent = passing.predict_dataset(batch_size=8, priority=7)
    assert (urgent.queue_position, job.refresh().queue_position) == (1, 2)
    assert (job.wait_reason, urgent.priority) == ("SLOT", 7)
    with pytest.raises(bessemer.FailedPrecondition, match=f"job {job.id} .* predicts with asked-passing@1"):
        passing.delete()
    with pytest.raises(bessemer.FailedPrecondition, match="predicts with"):
        client.models.delete("asked-passing")
    with pytest.raises(bessemer.FailedPrecondition, match=job.id):
        client.datasets.delete("asked-passing")
    with pytest.raises(bessemer.FailedPrecondition, match="is QUEUED: its predictions can be read when"):
        list(job.predictions())
    let_go()
    urgent.wait(progress=False)
    job.wait(progress=False)
    passing.delete()
    client.datasets.delete("asked-passing")
    found = list(client.jobs.get(job.id).predictions())
    check_same(found, expected)
    assert [p.true_label for p in found] == ["0", "1"] * 25
    with pytest.raises(bessemer.FailedPrecondition, match="submit a new job"):
        job.retry()
    job.delete()
    with pytest.raises(bessemer.NotFound):
        list(job.predictions())


def test_a_retry_without_its_model_is_refused(client, request):
    gone = client.train("mlp", dataset="iris", epochs=1, name="asked-gone").wait(progress=False).model
    request.getfixturevalue("busy")
    job = gone.predict_dataset()
    assert job.pause().state == "PAUSED"
    assert job.cancel().state == "CANCELLED"
    gone.delete()
    with pytest.raises(bessemer.FailedPrecondition, match="the model asked-gone@1 was deleted"):
        job.retry()


def run(service, *arguments, status=0):
    done = subprocess.run(
        [COMMAND, "--server", service.address, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def test_the_command_line_predicts_a_data_set(service, job, tmp_path):
    done = run(service, "predict", "asked", "--dataset", "iris", "--batch-size", 64)
    opened = io.BytesIO()
    job.export_predictions(opened)
    assert done.stdout.splitlines() == opened.getvalue().decode().splitlines()
    assert "predicting  100%  step 3/3" in done.stderr
    done = run(service, "predict", "asked", "-d", "iris", "--split", "test", "-o", tmp_path / "out.npz")
    assert done.stdout == f"wrote {tmp_path / 'out.npz'}\n"
    with np.load(tmp_path / "out.npz") as arrays:
        assert len(arrays["label"]) == 30


def test_the_command_line_shows_such_a_job(service, job):
    job_id = run(service, "predict", "asked", "-d", "iris", "--detach").stdout.strip()
    assert (
        run(service, "jobs", "watch", job_id).stdout == f"predictions  bessemer jobs predictions {job_id}\n"
    )
    assert len(run(service, "jobs", "predictions", job_id).stdout.splitlines()) == 151
    listed = run(service, "jobs", "list", "--limit", 1000).stdout.splitlines()
    (line,) = (line for line in listed if job.id in line)
    assert line.split()[1:5] == ["prediction", "asked-iris", "SUCCEEDED", "100%"]
    shown = run(service, "jobs", "show", job.id).stdout
    assert "step 3/3" in shown
    assert "model=asked@1" in shown
    assert "epoch" not in shown
    as_json = json.loads(run(service, "jobs", "show", job.id, "--json").stdout)
    assert (as_json["kind"], as_json["spec"]["batch_size"]) == ("prediction", 64)
    refused = run(service, "jobs", "plot", job.id, status=1).stderr
    assert refused.startswith(f"error: job {job.id} predicts and learns nothing")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["asked", "-d", "iris", "--json"], 2, "--dataset goes without"),
        (["asked", "picture.png", "-d", "iris"], 2, "--dataset goes without"),
        (["asked", "picture.png", "--batch-size", "2"], 2, "--batch-size goes with --dataset"),
        (["asked", "-d", "iris", "-o", "out.txt"], 1, "error: path: must end in .csv or .npz"),
        (["asked", "-d", "irsi"], 1, "error: dataset: there is no data set 'irsi'; did you mean iris?"),
    ],
)
def test_the_command_line_refuses_in_one_line_each(service, model, arguments, status, words):
    assert words in run(service, "predict", *arguments, status=status).stderr
