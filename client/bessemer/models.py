"""Published models, and predictions by them."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bessemer import _calls, evaluation, exports, generation, model_uploads, predictions
from bessemer.model_record import ModelRecord, Prediction
from bessemer.transport import Transport
from bessemer.v1 import models_pb2

if TYPE_CHECKING:
    import os

    import numpy as np
    import numpy.typing as npt
    from matplotlib.figure import Figure

    from bessemer.jobs import Job


class Model(ModelRecord):
    """One version of a published model. It never changes."""

    def __init__(self, transport: Transport, message: models_pb2.Model) -> None:
        super().__init__(message)
        self._transport = transport

    def predict(self, inputs: Any) -> list[Prediction]:
        """A prediction for each sample.

        An image model takes raw pixels, 0 to 255 as in its data set: arrays or lists [N, H, W, C], [H, W, C], and for
        grey images [N, H, W], [H, W]; a path, bytes or a PIL image of a picture of the model's size, or a list of
        them. A table model takes [N, F] or [F], a text model a string or a list of strings. Raises `InvalidArgument` that says what is expected.
        """
        return [
            prediction
            for array in self._prepare(inputs)
            for prediction in self._read_predictions(self._transport.predict(self._build_request(array)))
        ]

    def sample(self, n: int, *, seed: int = 0) -> npt.NDArray[np.uint8]:
        """`n` pictures from a generator, uint8 [N, H, W, C], with the values that its data set has.

        The same seed gives the same pictures, and of two calls the longer one begins with the shorter. Raises
        `InvalidArgument` for `n` out of 1 to 1024, `FailedPrecondition` for a model that is no generator.
        """
        self._check_generator()
        request = generation.build_request(self.name, self.version, n, seed)
        return generation.parse(self._transport.predict(request))

    def evaluate(self, dataset: str | None = None, *, split: str = "test") -> evaluation.Evaluation:
        """Measure this model on the test, validation or train split of a data set, by default of its own.

        The data set is divided as for this model's job, so its test samples were never trained on. Raises `InvalidArgument`
        for data that the model cannot take.
        """
        request = evaluation.build_request(self.name, self.version, dataset, split)
        return evaluation.parse(
            self._transport.call(self._transport.models.EvaluateModel, request, is_patient=True)
        )

    def predict_dataset(
        self,
        dataset: str | None = None,
        *,
        split: str = "all",
        batch_size: int | None = None,
        name: str | None = None,
        priority: int = 0,
        max_runtime: float | datetime.timedelta | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """A job that predicts every sample of a data set with this model, by default of the one that it was trained on. When this
        returns, the job survives whatever happens to the service; `job.predictions()` and `job.export_predictions(path)` have
        what it found.

        Args:
            dataset: one of `datasets.list()`, with the kind and shape of the model's own.
            split: `train`, `validation` or `test`, divided as for this model's job; `all` in the order of the data set, the
                samples of its own test split last.
            batch_size: samples per step, 256 by default.
            name: to find the job by; `<model>-<dataset>` by default.
            priority: from -100 to 100; of the jobs that wait, the highest starts first, then the oldest.
            max_runtime: seconds for which it may hold a slot, all attempts together; by default for ever.
            idempotency_key: the same key with the same arguments gives the same job, for ever; made when absent.

        Raises:
            InvalidArgument: with every faulty argument in `.violations`.
            AlreadyExists: the key was used with other arguments.

        """
        from bessemer import jobs

        spec = predictions.build_spec(f"{self.name}@{self.version}", dataset, split, batch_size)
        request = _calls.build_create(spec, name, idempotency_key, priority, max_runtime)
        return jobs.Job(self._transport, self._transport.call(self._transport.jobs.CreateJob, request))

    def confusion_matrix(
        self,
        dataset: str | None = None,
        *,
        split: str = "test",
        path: str | os.PathLike[str] | None = None,
    ) -> Figure:
        """The confusion matrix of `evaluate`, drawn; written to `path` when given (PNG, PDF, SVG).

        Its counts are `model.evaluate(...).confusion_matrix`. Needs matplotlib: `pip install "bessemer[plot]"`.
        """
        from bessemer import confusion

        found = self.evaluate(dataset, split=split)
        title = f"{self.name}@{self.version} on {found.dataset} ({found.split})"
        return confusion.draw(found, title=title, path=path)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file. `.safetensors`: weights by name, as PyTorch shapes them, and as metadata `model` and
        `definition` (JSON: layers, preprocessing, labels, signature). `.onnx`: a program from raw inputs, of texts token ids, to
        the model's outputs, checked against the model. The file is there when it is whole. Raises `InvalidArgument` for
        another ending, and for a folder that is not there, `FailedPrecondition` for a layer that ONNX does not have.
        """
        request = exports.build_request(self.name, self.version, path)
        with exports.replace_when_whole(path) as file:
            for part in self._transport.stream(self._transport.models.ExportModel, request):
                file.write(part.data)

    def alias(self, name: str) -> None:
        """Give this version the alias `name`, of which it then answers every request: `client.models.get("digits-cnn@champion")`,
        and clients of the protocol that ask for the version `champion`. A version that had it before loses it at the same moment.
        """
        request = _calls.build_set_alias(self.name, name, self.version)
        self._transport.call(self._transport.models.SetModelAlias, request)
        self._message.aliases[:] = sorted({*self._message.aliases, name})

    def delete(self) -> None:
        """Remove this version; its number is not given again. Raises `FailedPrecondition` while an alias names it, or a job
        that has not ended predicts or begins with it.
        """
        request = _calls.build_delete_model(f"{self.name}@{self.version}")
        self._transport.call(self._transport.models.DeleteModel, request)


class Models:
    """`client.models`: the published models of a service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, reference: str) -> Model:
        """The model `name` (its newest version), `name@version` or `name@alias`. Raises `NotFound`."""
        request = _calls.build_get_model(reference)
        return Model(self._transport, self._transport.call(self._transport.models.GetModel, request))

    def list(self, name: str | None = None, *, limit: int | None = None) -> Iterator[Model]:
        """The newest version of each model by name; with `name`, every version of it, newest first."""
        request = _calls.build_model_list(name, limit)
        found = self._transport.list(self._transport.models.ListModels, request, "models")
        return (Model(self._transport, message) for message in itertools.islice(found, limit))

    def upload(self, name: str, path: str | os.PathLike[str], *, like: str | None = None) -> Model:
        """Publish a .safetensors file as the next version of the model `name`.

        A file that `model.export` wrote says all of itself. For other weights, name with `like` a model of the service that has
        the same network: its layers, preprocessing and labels are taken. The weights are named and shaped as in PyTorch's
        `state_dict`. Nothing in the file is run, and the newest version again is no new one. Raises `InvalidArgument` with each
        tensor or field that does not fit, `NotFound` for `like`.
        """
        requests = model_uploads.build(name, path, like)
        message = self._transport.upload(self._transport.models.UploadModel, requests)
        return Model(self._transport, message)

    def set_alias(self, name: str, alias: str, shares: str | int | Mapping[str | int, int]) -> None:
        """Make or move an alias of the model `name`: to one version, or to several that share the requests, e.g.
        `{"3": 90, "4": 10}`. It moves in one step, and no request fails. Raises `NotFound`, `InvalidArgument`.
        """
        request = _calls.build_set_alias(name, alias, shares)
        self._transport.call(self._transport.models.SetModelAlias, request)

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias; one that is not there is no error."""
        request = _calls.build_delete_alias(name, alias)
        self._transport.call(self._transport.models.DeleteModelAlias, request)

    def aliases(self, name: str) -> dict[str, dict[str, int]]:
        """The aliases of a model: by alias, the share of each version."""
        request = models_pb2.ListModelAliasesRequest(name=name)
        return _calls.parse_aliases(self._transport.call(self._transport.models.ListModelAliases, request))

    def delete(self, reference: str) -> tuple[str, ...]:
        """Remove `name@version`, or with `name` every version; returns their numbers, which are not given again. Raises `NotFound`,
        and `FailedPrecondition` while an alias names one of them, or a job that has not ended predicts or begins with it.
        """
        request = _calls.build_delete_model(reference)
        found = self._transport.call(self._transport.models.DeleteModel, request)
        return tuple(found.versions)
