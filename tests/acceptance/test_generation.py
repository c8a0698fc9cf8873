"""A generator travels the whole way: trained, published, asked for pictures; and a network in NumPy too."""

import numpy as np
import pytest
import tritonclient.grpc as triton
from click.testing import CliRunner

import bessemer
from bessemer import cli

OPTIONS = {"filters": 4, "latent": 8}


@pytest.fixture(scope="module")
def model(service):
    with bessemer.connect(service.address) as client:
        job = client.train(
            "dcgan", dataset="digits", name="digits-gan", epochs=1, batch_size=300, options=OPTIONS
        )
        job.wait()
        assert len(job.history["train/generator_loss"]) == 1
        assert len(job.history["train/discriminator_loss"]) == 1
        yield job.model


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
