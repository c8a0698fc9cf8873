"""Where a model is fastest, by what was measured of it."""

import json

import pytest

from bessemer_server.serving import placement


def described(engine, times=None, **others):
    found = {"engine": engine}
    if times:
        found["engine_us"] = json.dumps({engine: times, **others})
    return found


@pytest.mark.parametrize(
    ("cpu", "gpu", "best"),
    [
        ({"1": 30, "8": 200}, {"1": 60, "8": 70}, "cuda"),
        ({"1": 10, "8": 20}, {"1": 60, "8": 60}, "cpu"),
        ({"1": 40_000}, {"1": 900, "8": 1500}, "cuda"),  # too slow for a second measurement
        ({"1": 40_000}, {"1": 50_000}, "cpu"),
    ],
)
def test_a_model_goes_where_its_engine_is_fastest(cpu, gpu, best):
    found = {
        "cpu": described("onnxruntime", cpu, torch={"1": 1, "8": 1}),
        "cuda": described("cudagraph", gpu),
    }
    assert placement.choose(found, "auto") == best


def test_the_engine_that_is_wanted_decides():
    found = {"cpu": described("onnxruntime"), "cuda": described("torch")}
    assert placement.choose(found, "onnxruntime") == "cpu"
    assert placement.choose(found, "torch") == "cuda"


def test_what_was_not_measured_goes_to_the_gpu():
    assert placement.choose({"cpu": described("torch"), "cuda": described("torch")}, "auto") == "cuda"
    assert (
        placement.choose({"cpu": described("torch", {"1": 5}), "cuda": described("torch")}, "auto") == "cuda"
    )


def test_a_single_kind_is_it():
    assert placement.choose({"cpu": described("torch")}, "cudagraph") == "cpu"
