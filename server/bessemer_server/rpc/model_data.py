"""Data sets that a published model is asked about."""

from __future__ import annotations

from bessemer_server.domain import errors, ports
from bessemer_server.domain.datasets import Dataset
from bessemer_server.domain.models import Model


async def find_uploaded(store: ports.Datasets, dataset: str, model: Model) -> Dataset | None:
    """The uploaded data set of that name or, without one, the very content that the model was trained on; None where that
    comes with the service. Raises `FailedPrecondition` when it is gone.
    """
    if dataset:
        return await store.find_dataset(name=dataset)
    found = await store.find_dataset(digest=model.dataset_digest)
    if model.dataset_digest and found is None:
        raise errors.FailedPrecondition(
            f"the data set {model.dataset!r} that this model was trained on was deleted; name another one with "
            "the same classes",
            reason="DATASET_GONE",
        )
    return found
