"""A generator travels the whole way: trained, published, asked for pictures; and a network in NumPy too."""

import numpy as np
import pytest
import tritonclient.grpc as triton
from click.testing import CliRunner

import bessemer
from bessemer import cli

OPTIONS = {"filters": 4, "latent": 8}


@pytest.fixture(scope="module")
def job(service):
    with bessemer.connect(service.address) as client:
        job = client.train(
            "dcgan", dataset="digits", name="digits-gan", epochs=1, batch_size=300, options=OPTIONS
        )
        job.wait()
        assert len(job.history["train/generator_loss"]) == 1
        assert len(job.history["train/discriminator_loss"]) == 1
        yield job


@pytest.fixture(scope="module")
def model(job):
    return job.model


def test_pictures_depend_on_the_seed_alone(model):
    pictures = model.sample(20, seed=1)
    assert (pictures.shape, pictures.dtype) == ((20, 8, 8, 1), np.uint8)
    assert (model.sample(3, seed=1) == pictures[:3]).all()
    assert not (model.sample(20, seed=2) == pictures).all()


def test_tritonclient_asks_for_pictures_too(service, model):
    with triton.InferenceServerClient(service.address) as server:
        count, seed = triton.InferInput("count", [1], "INT32"), triton.InferInput("seed", [1], "INT64")
        count.set_data_from_numpy(np.array([4], np.int32))
        seed.set_data_from_numpy(np.array([1], np.int64))
        answer = server.infer("digits-gan", [count, seed]).as_numpy("images")
    assert (answer == model.sample(4, seed=1)).all()


def test_a_count_out_of_range_is_named(model):
    with pytest.raises(bessemer.InvalidArgument, match="n: must be an integer from 1 to 1,024, but is 0"):
        model.sample(0)


def test_a_generator_does_not_predict_and_says_what_it_does(model):
    with pytest.raises(bessemer.FailedPrecondition, match=r"call model\.sample"):
        model.predict(np.zeros((8, 8), np.uint8))


def test_a_job_has_the_pictures_that_its_generator_drew_while_it_learnt(job, tmp_path):
    assert job.sample_epochs() == [1]
    drawn = job.samples()
    assert (drawn.shape, drawn.dtype) == ((16, 8, 8, 1), np.uint8)
    assert (job.samples(epoch=1) == drawn).all()
    image = pytest.importorskip("PIL.Image")
    job.plot_samples(tmp_path / "grid.png")
    with image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (4 * 8, 4 * 8)


@pytest.mark.parametrize(
    ("epoch", "error", "message"),
    [
        (2, bessemer.NotFound, "no pictures of epoch 2; there are some of epochs 1"),
        (0, bessemer.InvalidArgument, "epoch: must be an integer from 1, but is 0"),
    ],
)
def test_an_epoch_without_pictures_is_refused(job, epoch, error, message):
    with pytest.raises(error, match=message):
        job.samples(epoch=epoch)


def test_a_job_that_is_no_generators_says_so(service):
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", dataset="iris", epochs=1).wait(progress=False)
        with pytest.raises(bessemer.FailedPrecondition, match="mlp is no generator"):
            job.samples()


def test_pictures_are_sketched_in_the_terminal(service, job, model):
    for arguments in (["jobs", "samples", job.id], ["sample", "digits-gan", "-n", "4"]):
        result = CliRunner().invoke(cli.group, ["--server", service.address, *arguments])
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        assert max(map(len, lines)) <= 76
        assert any(character in result.stdout for character in "#%@")


def test_the_command_line_writes_a_grid_of_pictures(service, model, tmp_path):
    image = pytest.importorskip("PIL.Image")
    arguments = ["--server", service.address, "sample", "digits-gan", "-n", "5", "--seed", "1"]
    result = CliRunner().invoke(cli.group, [*arguments, "-o", str(tmp_path / "grid.png")])
    assert result.exit_code == 0, result.output
    with image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (3 * 8, 2 * 8)


def test_a_network_learnt_in_numpy_predicts_and_makes_no_pictures(service):
    with bessemer.connect(service.address) as client:
        job = client.train("numpy_mlp", dataset="iris", name="iris-numpy", epochs=40, optimizer={
            "kind": "adam", "learning_rate": 0.01
        })  # fmt: skip
        job.wait()
        assert job.metrics["test/accuracy"] > 0.9
        assert job.model is not None
        (prediction,) = job.model.predict([5.1, 3.5, 1.4, 0.2])
        assert prediction.label == "setosa"
        with pytest.raises(bessemer.FailedPrecondition, match=r"call model\.predict"):
            job.model.sample(1)
