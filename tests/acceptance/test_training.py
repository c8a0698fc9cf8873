"""One real model travels the whole way: submitted, trained, published, asked."""

import numpy as np
import pytest
from sklearn import datasets

import bessemer


@pytest.fixture(scope="module")
def trained(service):
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", dataset="digits", name="digits-cnn", epochs=5, seed=7)
        job.wait()
        yield job


def test_five_epochs_reach_97_percent_on_the_test_split(trained):
    assert trained.state == "SUCCEEDED"
    assert trained.history["test/accuracy"][-1] >= 0.97
    assert trained.metrics["test/accuracy"] == trained.history["test/accuracy"][-1]


def test_every_epoch_and_every_step_has_each_metric_once(trained):
    history = trained.history
    for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert len(history[name]) == 5
    assert len(history.steps["train/loss"]) == trained.progress.steps
    assert history["train/loss"][0] > history["train/loss"][-1]


def test_progress_ends_at_the_end(trained):
    progress = trained.progress
    assert (progress.epoch, progress.epochs, progress.fraction) == (5, 5, 1.0)
    assert progress.step == progress.steps


def test_events_tell_the_whole_story_in_order_without_gaps(trained):
    events = list(trained.watch())
    assert [event.cursor for event in events] == list(range(1, len(events) + 1))
    states = [event.state for event in events if hasattr(event, "state")]
    assert states == ["QUEUED", "STARTING", "RUNNING", "SUCCEEDED"]
    assert [event.cursor for event in trained.watch(after=events[3].cursor)] == [
        event.cursor for event in events[4:]
    ]


def test_the_model_predicts_what_the_digits_are(trained):
    digits = datasets.load_digits()
    predictions = trained.model.predict(digits.images[:200])
    assert np.mean([int(p.label) == t for p, t in zip(predictions, digits.target, strict=False)]) > 0.97
    assert predictions[0].probability == max(predictions[0].probabilities)
    assert sum(predictions[0].probabilities) == pytest.approx(1.0, abs=1e-5)


def test_a_second_job_of_the_same_name_publishes_the_next_version(client, trained):
    again = client.train("mlp", dataset="digits", name="digits-cnn", epochs=1)
    again.wait()
    assert int(again.model.version) == int(trained.model.version) + 1
    assert client.models.get("digits-cnn").version == again.model.version
    assert client.models.get(f"digits-cnn@{trained.model.version}").job_id == trained.id


def test_the_same_seed_gives_the_same_numbers_and_another_one_does_not(client):
    def losses(seed):
        job = client.train("mlp", dataset="iris", epochs=3, seed=seed)
        job.wait()
        return list(job.history.steps["train/loss"])

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_a_layer_list_of_the_users_own_trains(client):
    layers = [
        {"conv2d": {"filters": 8, "kernel": 3, "activation": "relu"}},
        {"max_pool2d": {"size": 2}},
        "flatten",
        {"dense": {"units": 10, "activation": "softmax"}},
    ]
    job = client.train("sequential", dataset="digits", epochs=1, options={"layers": layers})
    job.wait()
    assert job.state == "SUCCEEDED"


def test_sgd_with_early_stopping_stops_early(client):
    job = client.train(
        "mlp",
        dataset="iris",
        epochs=500,
        optimizer={"kind": "sgd", "learning_rate": 0.5, "momentum": 0.9},
        early_stopping={"monitor": "val/loss", "patience": 2},
    )
    job.wait()
    assert job.state == "SUCCEEDED"
    assert len(job.history["val/loss"]) < 500


def test_the_same_idempotency_key_is_the_same_job_and_another_body_is_refused(client):
    first = client.train("mlp", dataset="iris", epochs=1, idempotency_key="once")
    assert client.train("mlp", dataset="iris", epochs=1, idempotency_key="once").id == first.id
    with pytest.raises(bessemer.AlreadyExists):
        client.train("mlp", dataset="iris", epochs=2, idempotency_key="once")
    first.wait()


def test_a_running_job_can_be_cancelled(client):
    job = client.train("mnist_cnn", dataset="digits", epochs=1000)
    for event in job.watch():
        if getattr(event, "state", "") == "RUNNING":
            break
    job.cancel()
    with pytest.raises(bessemer.JobFailed) as failed:
        job.wait()
    assert "cancelled" in str(failed.value).lower()
    assert client.jobs.get(job.id).state == "CANCELLED"
    done = client.train("mlp", dataset="iris", epochs=1)
    done.wait()
    with pytest.raises(bessemer.FailedPrecondition):
        done.cancel()


def test_jobs_are_listed_newest_first_and_by_filter(client, trained):
    newest = client.train("mlp", dataset="iris", epochs=1)
    newest.wait()
    found = list(client.jobs.list(limit=3))
    assert found[0].id == newest.id
    assert trained.id in {job.id for job in client.jobs.list(state="SUCCEEDED", architecture="mnist_cnn")}
    assert all(job.architecture == "mnist_cnn" for job in client.jobs.list(architecture="mnist_cnn"))


def test_the_summary_of_the_seeds_network_counts_as_keras_does(client):
    summary = client.summary("mnist_cnn", dataset="mnist")
    assert summary.parameters == summary.trainable_parameters == 225_034
    assert "225,034" in str(summary)
