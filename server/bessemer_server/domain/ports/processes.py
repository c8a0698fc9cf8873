"""What is done in processes of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from bessemer_server.domain.bases import NO_BASES, Base
from bessemer_server.domain.datasets import Content, Upload
from bessemer_server.domain.evaluations import Evaluation
from bessemer_server.domain.jobs import Attempt, Exit
from bessemer_server.domain.models import Model, Origin, Publication
from bessemer_server.domain.plans import Catalog, DatasetInfo, Plan
from bessemer_server.domain.predictions import Asked
from bessemer_server.domain.tensors import Tensor


class Planner(Protocol):
    """Knows what can be trained. Its answers come from the code that trains."""

    async def plan(
        self,
        spec: Mapping[str, Any],
        uploaded: DatasetInfo | None = None,
        bases: Mapping[str, Base] = NO_BASES,
        validation: DatasetInfo | None = None,
    ) -> Plan:
        """`uploaded`: the data set that the specification names, unless it comes with the service, as is `validation` for
        the one to validate on; `bases`: the models that it begins with, by reference. Raises `InvalidArgument` with every violation, `Unavailable` while it restarts.
        """
        ...

    async def plan_prediction(
        self, spec: Mapping[str, Any], asked: Asked, uploaded: DatasetInfo | None = None
    ) -> Mapping[str, Any]:
        """The specification of predictions with every default filled in. `asked`: the model that it names, `uploaded`: its data
        set, unless that comes with the service. Raises as `plan`.
        """
        ...

    async def catalog(self) -> Catalog: ...


class Ingester(Protocol):
    """Looks into what users upload, in a process of its own."""

    async def ingest(self, upload: Upload) -> Content:
        """Check and decode; the tensors' bytes are in `upload.output` then. Raises `InvalidArgument` with every faulty
        item, `ResourceExhausted` for what would be too large, `Unavailable`.
        """
        ...


class Importer(Protocol):
    """Looks into files of weights, in a process of its own."""

    async def read(self, path: str, output: str, like: Model | None) -> tuple[Publication, Origin]:
        """Check a safetensors file; the bytes of its tensors, in the order of the weights, are in `output` then. `like`: a model whose
        definition is taken where the file has none. Raises `InvalidArgument` with every fault, `Unavailable`.
        """
        ...


class Executor(Protocol):
    """Starts trainers and sees them die. Scheduling does not know what is behind it."""

    async def start(self, attempt: Attempt, token: str) -> int:
        """Start a trainer for the attempt; returns its process id, 0 where there is none."""
        ...

    def adopt(self, attempts: Sequence[Attempt]) -> None:
        """From now on see those trainers of these attempts die that an earlier server has started, those included that are gone
        already. Again is quick.
        """
        ...

    async def kill(self, attempt: Attempt) -> None:
        """End the trainer at once, if it is still there."""
        ...

    def is_busy(self, attempt: Attempt) -> bool:
        """Whether a silent trainer is seen at work all the same; False where that cannot be seen."""
        ...

    def drain_exits(self) -> Sequence[Exit]:
        """Trainers that ended since the last call."""
        ...

    async def close(self) -> None:
        """End the trainers that are still there."""
        ...


class Logs(Protocol):
    """Brings what trainers print into the store."""

    async def collect(self, job_id: str, attempt: int) -> None:
        """Bring what the attempt has printed until now. Never raises: a log is no reason to fail."""
        ...

    def is_open(self, job_id: str) -> bool:
        """Whether a trainer of the job may still print, or lines of it are not in the store yet."""
        ...


MAX_LOST = 1024
"""More than a batch of several requests has rows; of a request that is alone the first is enough."""


class Predicted(NamedTuple):
    """What a batch has given."""

    outputs: Mapping[str, Tensor]
    seconds: float
    """That the process was at it."""
    is_again: bool = False
    """Whether the process died over it, and another one had to be started: whoever waited has waited for that too."""
    lost: Sequence[int] = ()
    """Rows of which the network made what is no number, in order, at most `MAX_LOST`: see `errors.no_number`. The others have their
    answers.
    """


class Predictor(Protocol):
    """Holds models and runs them, in a process of its own."""

    async def load(self, model: Model) -> None:
        """Load and warm; again is quick. Raises `Unavailable` when the process is gone."""
        ...

    async def unload(self, name: str, version: int | None = None) -> None:
        """Give back the memory of a version, or of every version of the model; nothing happens for one that is not loaded."""
        ...

    def is_loaded(self, model: Model) -> bool:
        """Whether it is, so that `load` would be quick."""
        ...

    def loaded(self) -> Sequence[tuple[str, int]]:
        """Name and version of each model that is loaded and warm."""
        ...

    def memory(self) -> Sequence[tuple[str, int, int]]:
        """Name, version and measured bytes of each of them."""
        ...

    def describe(self, model: Model) -> Mapping[str, str]:
        """What runs a model that was loaded, and what was measured to choose it; empty for one that was not."""
        ...

    async def predict(self, model: Model, inputs: Mapping[str, Tensor]) -> Predicted:
        """Outputs by name for inputs that fit the signature; the first axis of each is the batch."""
        ...


class Evaluator(Protocol):
    """Measures published models, in processes of their own."""

    async def evaluate(
        self, model: Model, dataset: str, split: str, uploaded: Content | None = None
    ) -> Evaluation:
        """`uploaded` is the data set, where a user uploaded it. Raises `InvalidArgument` for data that the model cannot be measured on, `FailedPrecondition` for data that cannot
        be read, `Unavailable`.
        """
        ...


class Exporter(Protocol):
    """Writes published models in a format that other programs run, in processes of their own."""

    def export(self, model: Model) -> AsyncIterator[bytes]:
        """The parts of an ONNX file whose answers were those of the model. Raises `FailedPrecondition` for a layer that has no
        form in it, `Unavailable`.
        """
        ...
