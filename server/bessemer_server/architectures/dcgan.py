"""Deep convolutional generative adversarial network."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from bessemer_server.architectures import kinds
from bessemer_server.domain import plans
from bessemer_server.layers.options import Options

LEAST_SIDE = 4
"""Pictures are halved down to this side, or to the first odd one: 28 → 14 → 7."""
MOST_STAGES = 4
KERNEL = 4
"""A multiple of the stride 2: each pixel comes from as many others, which leaves no checkerboard."""


class DcganOptions(Options):
    """Options of `dcgan`."""

    latent: Annotated[int, pydantic.Field(ge=1, le=65_536)] = 100
    """Random numbers that a picture is made of, from 1 to 65,536."""
    filters: Annotated[int, pydantic.Field(ge=1, le=4_096)] = 64
    """Filters at half the size of the pictures, from 1 to 4,096; twice as many with each halving after that."""
    dense: Annotated[int, pydantic.Field(ge=0, le=65_536)] = 1024
    """Units of a layer that sees the whole picture: after the noise, and before the verdict; from 0 for none to 65,536."""
    dropout: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.0
    """Share of the discriminator's features that is dropped while training, from 0 up to but not 1."""
    label_smoothing: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.1
    """How much less than certain the discriminator shall be of real pictures (one-sided), from 0 up to but not 1."""
    discriminator_rate: Annotated[float, pydantic.Field(gt=0, le=1_000)] = 1.0
    """The discriminator's learning rate as a multiple of the generator's, which is that of the optimizer."""
    sample_every: Annotated[int, pydantic.Field(ge=0, le=1_000_000)] = 1
    """Epochs from one drawing of sample pictures to the next, the last epoch's too; 0: none are drawn."""
    sample_count: Annotated[int, pydantic.Field(ge=1, le=256)] = 16
    """Sample pictures that are drawn, from 1 to 256, always from the same noise; fewer where they exceed 2 MiB."""


def layers(options: DcganOptions, info: plans.DatasetInfo) -> kinds.LayerList:
    """A generator of pictures, learnt against a discriminator that tells them from real ones, both convolutional.

    Source: Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
    Adversarial Networks", 2016: batch normalisation everywhere but at the discriminator's input and the generator's
    output. Sizes are those for MNIST of Chen et al., "InfoGAN: Interpretable Representation Learning by Information
    Maximizing Generative Adversarial Nets", 2016, appendix C.1.
    """
    height, width, channels = info.shape
    stages = _count_stages(height, width)
    first, *others = _widths(options, stages)
    start = [height >> stages, width >> stages, first]
    upscale: dict[str, Any] = {"kernel": KERNEL, "stride": 2, "padding": "same"}
    found: kinds.LayerList = [
        *_dense(options, "relu"),
        {"dense": {"units": start[0] * start[1] * first}},
        {"reshape": {"shape": start}},
        *_normalised("relu"),
    ]
    for filters in others:
        found += [{"conv2d_transpose": {"filters": filters, **upscale}}, *_normalised("relu")]
    last = upscale if stages else {"kernel": 3, "padding": "same"}
    return [*found, {"conv2d_transpose": {"filters": channels, **last, "activation": "tanh"}}]


def discriminator(options: DcganOptions, info: plans.DatasetInfo) -> kinds.LayerList:
    """The generator's mirror image, which gives one logit: is the picture real?"""
    height, width, _ = info.shape
    stages = _count_stages(height, width)
    stride = 2 if stages else 1
    found: kinds.LayerList = []
    for filters in reversed(_widths(options, stages)):
        convolution = {"filters": filters, "kernel": KERNEL, "stride": stride, "padding": "same"}
        found += [
            {"conv2d": convolution},
            *(_normalised("leaky_relu") if found else [{"activation": {"function": "leaky_relu"}}]),
            {"dropout": {"rate": options.dropout}},
        ]
    return [*found, "flatten", *_dense(options, "leaky_relu"), {"dense": {"units": 1}}]


def _dense(options: DcganOptions, function: str) -> kinds.LayerList:
    return [{"dense": {"units": options.dense}}, *_normalised(function)] if options.dense else []


def _normalised(function: str) -> kinds.LayerList:
    return ["batch_norm", {"activation": {"function": function}}]


def _count_stages(height: int, width: int) -> int:
    stages = 0
    while stages < MOST_STAGES and height % 2 == width % 2 == 0 and min(height, width) // 2 >= LEAST_SIDE:
        height, width, stages = height // 2, width // 2, stages + 1
    return stages


def _widths(options: DcganOptions, stages: int) -> list[int]:
    """Filters of each stage, the smallest picture first."""
    return [options.filters << stage for stage in reversed(range(max(stages, 1)))]


DCGAN = kinds.Architecture(
    "dcgan",
    DcganOptions,
    layers,
    takes=frozenset({"image"}),
    learner="generative",
    adversary=kinds.Adversary(discriminator, lambda options: (options.latent,)),
    defaults={
        "validation_split": 0.0,
        "test_split": 0.0,
        "batch_size": 128,
        "epochs": 20,
        # Radford et al.: with more momentum, training swings and does not settle.
        "optimizer": {"kind": "adam", "learning_rate": 2e-4, "beta1": 0.5},
    },
)
