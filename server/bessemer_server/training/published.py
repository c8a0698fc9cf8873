"""A published model on a device: its network with what comes before and after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch

from bessemer_server.data import preprocessing
from bessemer_server.layers import graphs, lists, networks
from bessemer_server.training import snapshots
from bessemer_server.training.generative import pixels

Array = npt.NDArray[Any]
CLASSIFIER, GENERATOR = "classifier", "generator"


def kind(definition: Mapping[str, Any]) -> str:
    """`classifier` or `generator`; models from before there were kinds are classifiers."""
    found: str = definition.get("kind", CLASSIFIER)
    return found


class Published:
    """From raw inputs, with texts as token ids, to probabilities [N, K]; of a generator from noise to pictures."""

    def __init__(
        self, definition: Mapping[str, Any], weights: Mapping[str, Array], device: torch.device
    ) -> None:
        """Build the network of `definition` (see `models.Publication`) and give it copies of `weights`."""
        self.definition = definition
        self.device = device
        self._is_generator = kind(definition) == GENERATOR
        self._scale: float = definition["preprocessing"].get("scale", 1)
        self._preprocess = preprocessing.Preprocessor(definition["preprocessing"], device)
        layers = lists.parse(definition["layers"], "layers")
        network = networks.build(layers, tuple(definition["input_shape"]))
        network.load_state_dict(snapshots.to_tensors(weights), assign=True)
        self.network = networks.place(network, device).eval()

    @torch.inference_mode()
    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        """uint8 images, float32 tables and int64 ids → float32 probabilities; float32 noise → uint8 pictures NHWC."""
        if self._is_generator:
            return pixels.to_pixels(self.network(raw), self._scale)
        return self.network.probabilities(self._preprocess(raw))

    def export(self, graph: graphs.Graph, raw: graphs.Value) -> graphs.Value:
        """The same in ONNX's operators. Raises `graphs.NotExportable`, which names the layer."""
        if self._is_generator:
            return pixels.export(graph, self.network.export(graph, raw), self._scale)
        return self.network.export_probabilities(graph, self._preprocess.export(graph, raw))
