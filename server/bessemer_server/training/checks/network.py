"""The layers of a specification, and what is done to their inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bessemer_server.architectures import kinds as architectures
from bessemer_server.domain import bases, errors, plans
from bessemer_server.layers import lists, networks, trained
from bessemer_server.layers.options import Options
from bessemer_server.training import token_ids
from bessemer_server.training.augmentations import augmenter
from bessemer_server.training.checks.findings import Findings
from bessemer_server.training.config import TrainingConfig
from bessemer_server.training.objectives import endings


def network(
    found: Findings,
    architecture: architectures.Architecture[Any],
    options: Options,
    info: plans.DatasetInfo,
    *,
    loss: str,
    known: Mapping[str, bases.Base],
) -> networks.Network | None:
    """The network on torch's meta device; `known` are the models that it may begin with."""
    path = f"options.{architecture.list_option}" if architecture.list_option else "options"
    adversary = architecture.adversary
    shape = adversary.latent_shape(options) if adversary else info.shape
    try:
        entries = architecture.layers(options, info)
        if endings.wants_one_unit(loss, architecture, info):
            entries = endings.with_one_unit(entries)
        layers = lists.parse(trained.fill(entries, known), path)
        for index, description in (faults := list(token_ids.find_faults(layers, info))):
            found.reject(f"{path}[{index}]" if architecture.list_option else path, description)
        if faults:
            return None
        network = networks.build(layers, shape)
    except errors.InvalidArgument as error:
        found.extend(error.violations)
        return None
    except networks.ImpossibleLayer as error:
        found.reject(f"{path}[{error.index}]" if architecture.list_option else path, str(error))
        return None
    if adversary:
        return network
    if not any(weight.requires_grad for weight in network.parameters()):
        found.reject(path, "has no weights to train; add a layer that has some, such as dense")
    fault = networks.end_fault(network, len(info.labels))
    if fault:
        where = f"{path}[{len(layers) - 1}]" if architecture.list_option else path
        found.reject(where, f"{fault}, because {info.name} has {len(info.labels)} classes")
    return network


def augmentation(
    found: Findings, config: TrainingConfig, info: plans.DatasetInfo | None
) -> tuple[augmenter.Entry, ...]:
    """The list of augmentations, each of which suits the images."""
    try:
        chosen = augmenter.parse(config.augmentation)
    except errors.InvalidArgument as error:
        found.extend(error.violations)
        return ()
    if chosen and info and info.kind != "image":
        found.reject("augmentation", f"is for images, but {info.name} is {info.kind} data; leave it out")
    elif info:
        found.extend(augmenter.find_faults(chosen, info.shape))
    return chosen
