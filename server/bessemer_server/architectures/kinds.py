"""What an architecture is, and the registry of all of them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from bessemer_server.domain import plans, registry
from bessemer_server.layers.kinds import Shape
from bessemer_server.layers.options import Options

O = TypeVar("O", bound=Options)  # noqa: E741
LayerList = list[Any]
"""As users write it; see `layers.lists`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Adversary(Generic[O]):
    """What a generator learns against."""

    layers: Callable[[O, plans.DatasetInfo], LayerList]
    """The layer list of the discriminator: one logit for a sample."""
    latent_shape: Callable[[O], Shape]
    """Shape of the noise that the generator takes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Architecture(Generic[O]):
    """An architecture. A module-level value of this type in this package is found by the registry.

    The last layer gives one score or probability per class, that of a generator a sample. Where `options` has fields without a default, its
    schema carries `examples`, which the tests over the registry train.
    """

    name: str
    options: type[O]
    layers: Callable[[O, plans.DatasetInfo], LayerList]
    """The layer list for a data set. Its docstring describes the architecture."""
    takes: frozenset[str] = frozenset({"image", "table"})
    """Kinds of data set that it is for."""
    list_option: str | None = None
    """The option that is the user's own layer list, if it has one: faults are reported at its entries."""
    learner: str = "classifier"
    """Name of what trains it: see `training.learners`."""
    adversary: Adversary[O] | None = None
    """Of a generator, whose `layers` make samples of noise."""
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Fields of a specification that have other defaults here, e.g. `epochs`, `optimizer`."""

    @property
    def description(self) -> str:
        """First paragraph of the docstring of `layers`."""
        return " ".join((inspect.getdoc(self.layers) or "").split("\n\n")[0].split())


REGISTRY: registry.Registry[Architecture[Any]] = registry.Registry(
    "architecture", Architecture, __package__, "bessemer.architectures"
)
