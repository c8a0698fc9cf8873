"""Aliases move without a lost request, share requests, and keep versions from being deleted; what is deleted is gone."""

import concurrent.futures
import json
import threading
from collections import Counter

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

import bessemer

NAME = "alias-iris"
FEATURES = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]], np.float32)


@pytest.fixture(scope="module")
def client(service):
    with bessemer.connect(service.address) as client:
        yield client


@pytest.fixture(scope="module")
def versions(client):
    """Three versions that answer differently."""
    for seed in (1, 2, 3):
        client.train("mlp", dataset="iris", epochs=1, seed=seed, name=NAME).wait(progress=False)
    return [client.models.get(f"{NAME}@{n}") for n in (1, 2, 3)]


@pytest.fixture
def server(service):
    with triton.InferenceServerClient(service.address) as server:
        yield server


def ask(server, version, key=None):
    given = triton.InferInput("features", list(FEATURES.shape), "FP32")
    given.set_data_from_numpy(FEATURES)
    answer = server.infer(
        NAME, [given], model_version=version, parameters={"routing_key": key} if key else None
    )
    return answer.get_response().model_version, answer.as_numpy("probabilities")


def test_an_alias_is_a_version_for_every_client(client, versions, server):
    versions[1].alias("champion")
    found = client.models.get(f"{NAME}@champion")
    assert (found.version, found.aliases) == ("2", ("champion",))
    version, scores = ask(server, "champion")
    assert version == "2"
    np.testing.assert_array_equal(scores, [p.probabilities for p in versions[1].predict(FEATURES)])
    assert server.is_model_ready(NAME, "champion")
    assert server.get_model_metadata(NAME, "champion").versions == ["2"]
    assert [model.aliases for model in client.models.list(NAME)] == [(), ("champion",), ()]
    assert found.evaluate().samples > 0


def test_an_alias_moves_under_load_without_a_lost_request(client, versions, service):
    expected = {model.version: [p.probabilities for p in model.predict(FEATURES)] for model in versions}
    versions[0].alias("moving")
    stop = threading.Event()

    def load():
        met = Counter()
        with triton.InferenceServerClient(service.address) as server:
            while not stop.is_set():
                version, scores = ask(server, "moving")
                np.testing.assert_allclose(scores, expected[version], atol=1e-6)
                met[version] += 1
        return met

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(load) for _ in range(4)]
        with triton.InferenceServerClient(service.address) as server:
            for model in (*versions, *versions):
                model.alias("moving")
                assert ask(server, "moving")[0] == model.version  # at once, on the server that moved it
        stop.set()
        met = sum((each.result() for each in running), Counter())
    assert set(met) <= {"1", "2", "3"}


def test_versions_share_an_alias_and_a_routing_key_meets_the_same(client, versions, server):
    client.models.set_alias(NAME, "shared", {"1": 50, "3": 50})
    assert client.models.aliases(NAME)["shared"] == {"1": 50, "3": 50}
    met = Counter(ask(server, "shared")[0] for _ in range(60))
    assert set(met) == {"1", "3"}
    keys = {f"user-{n}": ask(server, "shared", f"user-{n}")[0] for n in range(20)}
    assert set(keys.values()) == {"1", "3"}
    assert all(ask(server, "shared", key)[0] == version for key, version in keys.items())
    with pytest.raises(InferenceServerException, match="invalid value type for 'routing_key' parameter"):
        ask(server, "shared", 7)


@pytest.mark.parametrize(
    ("alias", "shares", "refusal"),
    [
        ("2", 1, (bessemer.InvalidArgument, "alias: must be at most 63 letters")),
        ("latest", 1, (bessemer.InvalidArgument, "answered by the newest")),
        ("a", 9, (bessemer.NotFound, "has no version 9; its versions are 1 to 3")),
        ("a", "b", (bessemer.InvalidArgument, "shares: names no version: 'b'")),
        ("a", {}, (bessemer.InvalidArgument, "shares: must name 1 to 16 versions")),
        ("a", {"1": 0}, (bessemer.InvalidArgument, r"shares\[1\]: must be a whole number from 1")),
    ],
)
def test_what_is_no_alias_is_refused(client, versions, alias, shares, refusal):
    error, text = refusal
    with pytest.raises(error, match=text):
        client.models.set_alias(NAME, alias, shares)
    assert alias not in client.models.aliases(NAME)


def test_an_alias_that_is_not_there_is_told_with_near_names(client, versions, server):
    versions[0].alias("stable")
    with pytest.raises(bessemer.NotFound, match="has no alias 'stabel'; did you mean stable"):
        client.models.get(f"{NAME}@stabel")
    with pytest.raises(InferenceServerException, match=r"version stabel is not found .*did you mean stable"):
        ask(server, "stabel")
    with pytest.raises(bessemer.InvalidArgument, match="behind the @ comes a version"):
        client.models.get(f"{NAME}@-1")


def test_a_deleted_version_is_gone_for_everybody_and_an_alias_keeps_one(client, server):
    name = "alias-gone"
    for seed in (1, 2):
        client.train("mlp", dataset="iris", epochs=1, seed=seed, name=name).wait(progress=False)
    model = client.models.get(f"{name}@1")
    model.predict(FEATURES)
    model.alias("kept")
    with pytest.raises(
        bessemer.FailedPrecondition, match="version 1 of model 'alias-gone' has the alias 'kept'"
    ):
        model.delete()
    with pytest.raises(bessemer.FailedPrecondition, match="has the alias 'kept'"):
        client.models.delete(name)
    client.models.delete_alias(name, "kept")
    client.models.delete_alias(name, "kept")
    model.delete()
    with pytest.raises(bessemer.NotFound, match="has no version 1; its only version is 2"):
        model.predict(FEATURES)
    with pytest.raises(bessemer.NotFound):
        model.delete()
    assert not server.is_model_ready(name, "1")
    loaded = [(entry.name, entry.version) for entry in server.get_model_repository_index().models]
    assert (name, "1") not in loaded
    assert client.models.delete(name) == ("2",)
    with pytest.raises(bessemer.NotFound, match="there is no model 'alias-gone'"):
        client.models.get(name)


def test_transfer_begins_with_an_alias_and_is_pinned_to_its_version(client):
    cnn = client.train("mnist_cnn", dataset="digits", epochs=1, name="alias-base").wait(progress=False).model
    cnn.alias("best")
    job = client.train("transfer", dataset="digits", epochs=1, options={"backbone": "model:alias-base@best"})
    assert "model:alias-base@1" in json.dumps(job.effective_spec)
    job.cancel()
