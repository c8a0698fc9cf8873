"""Published models, and predictions by them."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bessemer import _calls, errors
from bessemer.inference.v2 import inference_pb2
from bessemer.transport import Transport
from bessemer.v1 import models_pb2

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says of one sample."""

    label: str
    """Name of the most probable class."""
    index: int
    """Its index."""
    probability: float
    probabilities: tuple[float, ...]
    """Of every class, by index."""


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """A tensor of a model's signature, as in the Open Inference Protocol."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    """-1 for the batch."""


class Model:
    """One version of a published model. It never changes."""

    def __init__(self, transport: Transport, message: models_pb2.Model) -> None:
        self._transport = transport
        self._message = message

    def __repr__(self) -> str:
        return f"<Model {self.name}@{self.version} {self.architecture} on {self.dataset}>"

    @property
    def name(self) -> str:
        """As the job was named."""
        return self._message.name

    @property
    def version(self) -> str:
        """Decimal integer, counted per name from 1."""
        return self._message.version

    @property
    def job_id(self) -> str:
        """The job that trained it."""
        return self._message.job_id

    @property
    def architecture(self) -> str:
        """What was trained."""
        return self._message.architecture

    @property
    def dataset(self) -> str:
        """What it was trained on."""
        return self._message.dataset

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of each class, by index."""
        return tuple(self._message.labels)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What it takes."""
        return tuple(TensorSpec(t.name, t.datatype, tuple(t.shape)) for t in self._message.inputs)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What it gives."""
        return tuple(TensorSpec(t.name, t.datatype, tuple(t.shape)) for t in self._message.outputs)

    @property
    def metrics(self) -> dict[str, float]:
        """Test metrics and those of the last epoch."""
        return dict(self._message.metrics)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return self._message.parameters

    @property
    def spec(self) -> dict[str, Any]:
        """The specification that it was trained by, with every default."""
        return _calls.spec_to_dict(self._message.spec)

    @property
    def create_time(self) -> datetime.datetime:
        """When it was published, UTC."""
        return self._message.create_time.ToDatetime(datetime.UTC)

    def predict(self, inputs: Any) -> list[Prediction]:
        """A prediction for each sample.

        An image model takes raw pixels, 0 to 255 as in its data set: arrays or lists [N, H, W, C], [H, W, C], and for
        grey images [N, H, W], [H, W]; a path, bytes or a PIL image of a picture of the model's size, or a list of
        them. A table model takes [N, F] or [F]. Raises `InvalidArgument` that says what is expected.
        """
        from bessemer import inputs as inputs_module

        (spec,) = self.inputs
        array = inputs_module.prepare(inputs, spec.datatype, spec.shape)
        found: list[Prediction] = []
        for part in inputs_module.split(array):
            found += self._predict(spec, part)
        return found

    def _predict(self, spec: TensorSpec, array: npt.NDArray[Any]) -> list[Prediction]:
        import numpy as np

        request = inference_pb2.ModelInferRequest(
            model_name=self.name, model_version=self.version, raw_input_contents=[array.tobytes()]
        )
        request.inputs.add(name=spec.name, datatype=spec.datatype, shape=array.shape)
        response = self._transport.call(self._transport.infer, request)
        probabilities = np.frombuffer(response.raw_output_contents[0], dtype="<f4").reshape(
            response.outputs[0].shape
        )
        return [self._read(row) for row in probabilities]

    def _read(self, probabilities: npt.NDArray[np.float32]) -> Prediction:
        index = int(probabilities.argmax())
        label = self.labels[index] if index < len(self.labels) else str(index)
        return Prediction(label, index, float(probabilities[index]), tuple(probabilities.tolist()))


class Models:
    """`client.models`: the published models of a service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, reference: str) -> Model:
        """The model `name` (its newest version) or `name@version`. Raises `NotFound`."""
        name, version = _calls.parse_reference(reference)
        if version and not version.isdecimal():
            description = f"a version is a whole number from 1, e.g. {name}@1, but this is {reference!r}"
            raise errors.InvalidArgument(violations=(errors.Violation("version", description),))
        request = models_pb2.GetModelRequest(name=name, version=version)
        return Model(self._transport, self._transport.call(self._transport.models.GetModel, request))

    def list(self, name: str | None = None, *, limit: int | None = None) -> Iterator[Model]:
        """The newest version of each model by name; with `name`, every version of it, newest first."""
        request = models_pb2.ListModelsRequest(page_size=min(limit or 200, 200), name=name or "")
        return itertools.islice(self._pages(request), limit)

    def _pages(self, request: models_pb2.ListModelsRequest) -> Iterator[Model]:
        while True:
            page = self._transport.call(self._transport.models.ListModels, request)
            yield from (Model(self._transport, message) for message in page.models)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
