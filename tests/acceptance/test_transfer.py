"""Transfer learning through the service, from a model that it trained before."""

import numpy as np
import pytest

import bessemer

LAYERS = [
    {"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}},
    {"max_pool2d": {"size": 2}},
    "flatten",
    {"dense": {"units": 10, "activation": "softmax"}},
]


@pytest.fixture(scope="module")
def client(service):
    with bessemer.connect(service.address) as client:
        for seed in range(2):  # two versions
            client.train(
                "sequential",
                dataset="digits",
                name="teacher",
                epochs=1,
                seed=seed,
                options={"layers": LAYERS},
            ).wait(progress=False)
        yield client


def train(client, *, epochs=1, **options):
    return client.train("transfer", dataset="digits", epochs=epochs, batch_size=128, options=options)


def test_a_model_that_was_trained_here_is_pinned_by_version_and_learnt_from(client):
    job = train(client, backbone="model:teacher", units=8)
    assert job.effective_spec["options"]["backbone"] == "model:teacher@2"
    job.wait(progress=False)
    (first, second) = job.model.predict(np.zeros((2, 8, 8), np.uint8))
    assert first.label == second.label
    again = train(client, backbone="model:teacher@1", units=8).wait(progress=False)
    assert again.metrics["test/loss"] != job.metrics["test/loss"]


def test_the_summary_shows_the_models_layers_frozen(client):
    summary = client.summary("transfer", dataset="digits", options={"backbone": "model:teacher"})
    assert "model:teacher@2" in str(summary)
    assert summary.parameters - summary.trainable_parameters == 9 * 4 + 4


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("model:teachr", "options.backbone: .*teacher"),
        ("model:teacher@9", "options.backbone: .*version"),
        ("model:Teacher!", "options.backbone: .*model:NAME@VERSION"),
    ],
)
def test_a_model_that_is_not_there_is_refused_by_field_and_nearest_name(client, backbone, message):
    with pytest.raises(bessemer.InvalidArgument, match=message):
        train(client, backbone=backbone)


def test_a_model_is_kept_while_a_job_that_begins_with_it_has_not_ended(client):
    base = client.train("sequential", dataset="digits", name="base", epochs=1, options={"layers": LAYERS})
    base.wait(progress=False)
    job = train(client, backbone="model:base", units=8, epochs=100_000)
    for event in job.watch():
        if isinstance(event, bessemer.StateChanged) and event.state == "RUNNING":
            break
    with pytest.raises(bessemer.FailedPrecondition, match=f"job {job.id} .* begins with base@1; wait"):
        base.model.delete()
    with pytest.raises(bessemer.FailedPrecondition, match=job.id):
        client.models.delete("base")
    job.cancel()
    with pytest.raises(bessemer.JobFailed):
        job.wait(progress=False)
    client.models.delete("base")
    with pytest.raises(bessemer.FailedPrecondition, match="the model base@1 was deleted"):
        job.retry()
    assert job.refresh().state == "CANCELLED"
