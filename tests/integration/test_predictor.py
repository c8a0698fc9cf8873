"""The predictor process and the server's side of it: models come and go within the budget, and a process that dies takes
nobody along.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
import pathlib
import re
import signal

import numpy as np
import pytest

from bessemer_server.blobs.memory import MemoryBlobStore
from bessemer_server.domain import checkpoints, errors, models, tensors
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.executors.helper import Helper
from bessemer_server.executors.predictor import PredictorClient
from bessemer_server.serving.dispatcher import Dispatcher
from bessemer_server.training import inference
from bessemer_server.worker import arrays, entry
from tests.unit.training.exchange import models as published

FEATURES, UNITS = 1024, 1024
MIB = 1 << 20
MODEL_BYTES = FEATURES * UNITS * 4
ROWS = np.random.default_rng(5).standard_normal((3, FEATURES)).astype(np.float32)
MODELS = 12


@pytest.fixture(scope="module")
def forkserver():
    return ForkServer()


@pytest.fixture(scope="module")
def catalog():
    """Models with 4 MiB of weights each, the blobs of all, and what each answers."""
    contents: dict[str, bytes] = {}
    found, expected = [], []
    layers = [{"dense": {"units": UNITS, "activation": "relu"}}]
    definition, weights = published.publish(layers, (FEATURES,))
    for number in range(MODELS):
        changed = {name: values * (1 + number / 10) for name, values in weights.items()}
        changed = {name: values.astype(np.float32) for name, values in changed.items()}
        entries, blobs = arrays.Digester().digest(changed)
        contents |= {digest: bytes(data) for digest, data in blobs.items()}
        found.append(make_model(f"model-{number}", definition, entries))
        model = inference.InferenceModel(definition, changed, "cpu")
        expected.append(model.predict({"features": ROWS})["probabilities"])
    return found, MemoryBlobStore(contents), expected


def make_model(name, definition, entries):
    return models.Model(
        name=name,
        version=1,
        job_id="j",
        architecture="mlp",
        dataset="d",
        weights=checkpoints.Manifest(0, 0, entries),
        definition=definition,
        metrics={},
        parameters=0,
        effective_spec={},
        create_time=datetime.datetime.now(datetime.UTC),
    )


@pytest.fixture
async def start(forkserver, catalog):
    """Starts a client with a budget."""
    helpers = []

    def make(memory_bytes, patience_s=60.0, **options):
        helper = Helper(
            "predictor", forkserver, entry.run_predictor, "cpu", 1, "onnxruntime",
            patience_s=patience_s, arena_bytes=MIB,
        )  # fmt: skip
        helpers.append(helper)
        return PredictorClient(helper, catalog[1], memory_bytes, **options), helper

    yield make
    for helper in helpers:
        await helper.close()


INPUTS = {"features": tensors.Tensor("FP32", ROWS.shape, ROWS.tobytes())}


async def ask(client, catalog, number):
    """Predict with a model, and see that the answer is its own."""
    answer = await client.predict(catalog[0][number], INPUTS)
    given = arrays.to_array(answer.outputs["probabilities"])
    assert given == pytest.approx(catalog[2][number], abs=1e-3)


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"RssAnon:\s+(\d+) kB", status)
    assert match
    return int(match[1]) * 1024


def predicts(helper):
    return is_at(helper, "predict")


def is_at(helper, method):
    return any(call.method == method for call in helper._pending.values())


def pid_of(helper):
    assert helper._process is not None
    return helper._process.pid


async def test_models_load_on_demand_and_those_used_least_recently_go(start, catalog, caplog):
    caplog.set_level(logging.INFO)
    client, _ = start(int(4.5 * MODEL_BYTES))
    for number in (0, 1, 0, 2, 3, 4, 5, 0):
        await ask(client, catalog, number)
    gone = [r.__dict__["model"] for r in caplog.records if r.message == "model unloaded"]
    assert gone[0] == "model-1/1"  # model-0 was used after it
    measured = int(client.describe(catalog[0][0])["memory_bytes"])
    assert MODEL_BYTES <= measured < 1.5 * MODEL_BYTES  # one copy of the weights
    assert client.describe(catalog[0][0])["engine"] == "onnxruntime"


async def check_growth(start, catalog, loads):
    client, helper = start(5 * MODEL_BYTES)
    for number in range(MODELS):
        await ask(client, catalog, number % MODELS)
    before = resident_bytes(pid_of(helper))
    for number in range(loads):
        await ask(client, catalog, number % MODELS)
    assert helper.generation == 1
    grown = resident_bytes(pid_of(helper)) - before
    assert grown < 2 * MODEL_BYTES


async def test_memory_of_models_that_go_is_returned(start, catalog):
    await check_growth(start, catalog, 28)


async def test_what_a_large_batch_took_is_returned_with_the_next_model_that_comes(start, catalog):
    client, helper = start(100 * MIB)
    for number in (0, 1):
        await ask(client, catalog, number)
    before = resident_bytes(pid_of(helper))
    rows = np.tile(ROWS, (4096, 1))
    many = {"features": tensors.Tensor("FP32", rows.shape, rows.tobytes())}
    await client.predict(catalog[0][0], many)
    assert resident_bytes(pid_of(helper)) > before + 2 * MODEL_BYTES
    await ask(client, catalog, 2)
    assert resident_bytes(pid_of(helper)) < before + 2 * MODEL_BYTES


@pytest.mark.long
async def test_a_thousand_loads_leave_no_more_memory_in_use_than_the_first_few(start, catalog):
    await check_growth(start, catalog, 1000)


async def test_a_model_that_many_ask_for_at_once_is_loaded_once(start, catalog, caplog):
    caplog.set_level(logging.INFO)
    client, _ = start(100 * MIB)
    await asyncio.gather(*(ask(client, catalog, number % 2) for number in range(20)))
    loaded = [r.__dict__["model"] for r in caplog.records if r.message == "model loaded"]
    assert sorted(loaded) == ["model-0/1", "model-1/1"]


async def test_other_weights_in_the_same_layers_are_not_measured_again(forkserver, catalog):
    helper = Helper("predictor", forkserver, entry.run_predictor, "cpu", 1, "auto", arena_bytes=MIB)
    client = PredictorClient(helper, catalog[1], 100 * MIB)
    try:
        for number in (0, 1):
            await ask(client, catalog, number)
    finally:
        await helper.close()
    first, second = ({**client.describe(catalog[0][number])} for number in (0, 1))
    assert "engine_us" in first
    assert {k: first[k] for k in ("engine", "engine_us")} == {k: second[k] for k in ("engine", "engine_us")}


async def test_loads_whose_callers_give_up_are_counted_and_keep_to_the_budget(start, catalog):
    client, helper = start(int(2.5 * MODEL_BYTES))
    await client.load(catalog[0][0])
    (_, _, measured_bytes), = client.memory()  # fmt: skip
    in_use_bytes, _ = await helper.call("unload", {"key": "nobody"})
    for model in catalog[0][1:]:
        loading = asyncio.create_task(client.load(model))
        while not is_at(helper, "load"):  # noqa: ASYNC110 - nothing tells when it was asked
            await asyncio.sleep(0)
        loading.cancel()
        while is_at(helper, "load"):  # noqa: ASYNC110 - and nobody is told when it is done
            await asyncio.sleep(0)
    await client.load(catalog[0][0])
    left_bytes, _ = await helper.call("unload", {"key": "nobody"})
    assert sorted(client.loaded()) == [("model-0", 1), (f"model-{MODELS - 1}", 1)]
    assert left_bytes < in_use_bytes + 1.5 * measured_bytes


async def test_a_model_larger_than_the_budget_is_refused_and_others_go_on(start, catalog):
    client, _ = start(MODEL_BYTES // 2)
    with pytest.raises(
        errors.ResourceExhausted, match=r"model model-0/1 takes 4 MiB of memory, but all .* take 2"
    ):
        await client.load(catalog[0][0])


async def test_a_predictor_that_is_killed_under_load_is_started_again_and_nobody_notices(start, catalog):
    client, helper = start(100 * MIB)
    await ask(client, catalog, 0)

    async def ask_often(number):
        for _ in range(30):
            await ask(client, catalog, number)

    asking = [asyncio.create_task(ask_often(number)) for number in range(6)]
    await ask(client, catalog, 0)
    os.kill(pid_of(helper), signal.SIGKILL)
    await asyncio.gather(*asking)
    assert helper.generation == 2


async def test_rows_of_which_the_network_makes_no_number_are_told_and_the_others_are_as_ever(start, catalog):
    client, _ = start(100 * MIB)
    rows = ROWS.copy()
    rows[1] = 3e38
    asked = {"features": tensors.Tensor("FP32", rows.shape, rows.tobytes())}
    answer = await client.predict(catalog[0][0], asked)
    assert answer.lost == [1]
    given = arrays.to_array(answer.outputs["probabilities"])
    assert given[::2] == pytest.approx(catalog[2][0][::2], abs=1e-3)


async def test_a_predictor_that_dies_each_time_is_unavailable_and_works_once_it_no_longer_does(
    start, catalog
):
    client, helper = start(100 * MIB)
    await ask(client, catalog, 0)
    rows = np.tile(ROWS, (2048, 1))
    many = {"features": tensors.Tensor("FP32", rows.shape, rows.tobytes())}  # no answer comes before its end
    asking = asyncio.create_task(client.predict(catalog[0][0], many))
    for generation in (1, 2):
        while helper.generation < generation or not predicts(helper):
            assert not asking.done()
            await asyncio.sleep(0)
        os.kill(pid_of(helper), signal.SIGKILL)
    with pytest.raises(errors.Unavailable, match="the predictor process ended; try again"):
        await asking
    await ask(client, catalog, 0)


async def test_a_forward_that_hangs_is_ended_soon_and_what_waits_behind_it_is_answered(start, catalog):
    client, helper = start(100 * MIB, least_patience_s=1)
    await ask(client, catalog, 0)
    dispatcher = Dispatcher(client)
    dispatcher.start()
    try:
        os.kill(pid_of(helper), signal.SIGSTOP)
        hanging = asyncio.create_task(dispatcher.predict(catalog[0][0], INPUTS, None))
        while not helper._pending:  # noqa: ASYNC110 - nothing tells when it was asked
            await asyncio.sleep(0)
        behind = [asyncio.create_task(dispatcher.predict(catalog[0][n], INPUTS, None)) for n in (0, 1, 0)]
        with pytest.raises(errors.Unavailable, match=r"gave no answer for 1\.\d* s and was ended") as stuck:
            await hanging
        assert stuck.value.reason == "HELPER_STUCK"
        for number, answer in zip((0, 1, 0), await asyncio.gather(*behind), strict=True):
            given = arrays.to_array(answer["probabilities"])
            assert given == pytest.approx(catalog[2][number], abs=1e-3)
    finally:
        await dispatcher.close()
    assert helper.generation == 2


async def test_a_batch_that_the_kernel_ended_the_process_over_is_tried_again_in_halves(start, catalog):
    count = 7
    client, helper = start(100 * MIB, count_memory_kills=lambda: count)
    await client.load(catalog[0][0])
    os.kill(pid_of(helper), signal.SIGSTOP)
    asking = asyncio.create_task(ask(client, catalog, 0))
    while not helper._pending:  # noqa: ASYNC110 - nothing tells when it was asked
        await asyncio.sleep(0)
    count += 1
    os.kill(pid_of(helper), signal.SIGKILL)
    await asking
    assert client._limits == {"model-0/1": len(ROWS) // 2}
