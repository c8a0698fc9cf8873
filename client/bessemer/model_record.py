"""What a model shows, and its side of a prediction, through whichever face it was had. No I/O.

Shapes: N samples, K classes.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bessemer import _specs, errors, generation
from bessemer.inference.v2 import inference_pb2
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
    true_label: str | None = None
    """Of a sample of a data set."""


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """A tensor of a model's signature, as in the Open Inference Protocol."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    """-1 for the batch."""


class ModelRecord:
    """What is known of one version of a published model."""

    def __init__(self, message: models_pb2.Model) -> None:
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
    def aliases(self) -> tuple[str, ...]:
        """Those that name this version, alone or beside others, when it was asked for."""
        return tuple(self._message.aliases)

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
        return _specs.spec_to_dict(self._message.spec)

    @property
    def create_time(self) -> datetime.datetime:
        """When it was published, UTC."""
        return self._message.create_time.ToDatetime(datetime.UTC)

    @property
    def _is_generator(self) -> bool:
        return generation.is_generator(spec.name for spec in self.inputs)

    def _check_generator(self) -> None:
        if not self._is_generator:
            raise errors.FailedPrecondition(
                f"{self.name}@{self.version} makes no pictures, it predicts; call model.predict(...)"
            )

    def _prepare(self, inputs: Any) -> list[npt.NDArray[Any]]:
        """Tensors of this signature, in the order of `inputs`: one, or several where one would be too large."""
        from bessemer import inputs as inputs_module

        if self._is_generator:
            raise errors.FailedPrecondition(
                f"{self.name}@{self.version} makes pictures and predicts nothing; call model.sample(16, seed=1)"
            )
        (spec,) = self.inputs
        return inputs_module.split(inputs_module.prepare(inputs, spec.datatype, spec.shape))

    def _build_request(self, array: npt.NDArray[Any]) -> inference_pb2.ModelInferRequest:
        from bessemer import inputs as inputs_module

        (spec,) = self.inputs
        request = inference_pb2.ModelInferRequest(
            model_name=self.name,
            model_version=self.version,
            raw_input_contents=[inputs_module.encode(array)],
        )
        request.inputs.add(name=spec.name, datatype=spec.datatype, shape=array.shape)
        return request

    def _read_predictions(self, response: inference_pb2.ModelInferResponse) -> list[Prediction]:
        """A prediction for each sample of a request, from probabilities [N, K]."""
        import numpy as np

        probabilities_NK = np.frombuffer(response.raw_output_contents[0], dtype="<f4").reshape(  # noqa: N806
            response.outputs[0].shape
        )
        return [read_prediction(row, self.labels) for row in probabilities_NK]


def read_prediction(
    probabilities: npt.NDArray[np.float32], labels: Sequence[str], true_label: str | None = None
) -> Prediction:
    """The prediction that these probabilities [K] are."""
    index = int(probabilities.argmax())
    label = labels[index] if index < len(labels) else str(index)
    return Prediction(label, index, float(probabilities[index]), tuple(probabilities.tolist()), true_label)
