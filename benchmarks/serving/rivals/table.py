"""The rivals."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from benchmarks.serving import load, systems, workloads
from benchmarks.serving.rivals import wire

COMMON = ("torch==2.15.0", "torchvision==0.29.2", "onnxruntime==1.32.0", "safetensors==0.8.0")
ENGINES = ("torch", "onnxruntime")
"""As their documentation shows, and with the engine that we choose."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rival:
    """A server of others."""

    name: str
    packages: tuple[str, ...]
    script: str
    """In `servers/`; takes the folder with the model and its description, and a port, of which the next four are free too."""
    make_target: Callable[[workloads.Workload, str], load.Target]
    """What to ask, at an address."""
    read: Callable[[bytes], list[float]]
    """The scores of the one sample in an answer."""
    python: str = ">=3.11"


RIVALS = (
    Rival(
        "PyTriton",
        ("nvidia-pytriton==0.7.0",),
        "pytriton_server.py",
        wire.ask_open,
        systems.read_scores,
        python=">=3.11,<3.11.4",  # the interpreter that it has built in does not bear the library of a later one
    ),
    Rival("MLServer", ("mlserver==1.7.1",), "mlserver_server.py", wire.ask_open, systems.read_scores),
    Rival(
        "TorchServe",
        (
            "torchserve==0.12.0",
            "torch-model-archiver==0.12.0",
            "setuptools<81",
            "psutil",
            "pyyaml",
            "enum-compat",
            "packaging",
            "pillow",
            "requests",
        ),
        "torchserve_server.py",
        wire.ask_torchserve,
        wire.read_torchserve,
    ),
    Rival("LitServe", ("litserve==0.2.19",), "litserve_server.py", wire.ask_base64, wire.read_json),
    Rival("BentoML", ("bentoml==1.4.39",), "bentoml_server.py", wire.ask_json, wire.read_json),
    Rival("Ray Serve", ("ray[serve]==2.60.0",), "ray_server.py", wire.ask_raw, wire.read_raw),
)
