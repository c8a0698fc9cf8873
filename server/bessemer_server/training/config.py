"""A training specification as data: types and ranges, field by field. `resolving` checks what needs more."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from bessemer_server.layers.options import Options

MAX_SEED = 2**63 - 1
USUAL_METRIC = "val/loss"
Share = Annotated[float, pydantic.Field(ge=0, lt=1)]
Penalty = Annotated[float, pydantic.Field(ge=0, le=1e6)]
Limit = Annotated[float, pydantic.Field(gt=0)]


class EarlyStoppingConfig(Options):
    """Stops when a metric no longer improves, and goes back to the best weights."""

    monitor: str = "val/loss"
    """Epoch metric to watch, e.g. `train/loss`, `val/accuracy` or `val/` and one of `metrics`: a loss shall fall, any
    other shall rise."""
    patience: Annotated[int, pydantic.Field(ge=1)] = 3
    """Epochs in a row without improvement after which training stops, at least 1."""
    min_delta: Annotated[float, pydantic.Field(ge=0)] = 0.0
    """The least change, in the metric's own unit, that counts as improvement."""


class TextConfig(Options):
    """How texts become token ids."""

    vocabulary: Annotated[int, pydantic.Field(ge=2, le=1_000_000)] = 10_000
    """Token ids, padding and unknown word included, from 2 to 1,000,000: the most frequent words are known."""
    length: Annotated[int, pydantic.Field(ge=1, le=10_000)] = 100
    """Words of each text that the model sees, the last ones, from 1 to 10,000."""


class CheckpointConfig(Options):
    """When a run is saved, and which checkpoints are kept. What is saved decides no number of the result."""

    every_epochs: Annotated[int, pydantic.Field(ge=0)] = 1
    """Save at the end of each so many epochs; 0: not because an epoch ends."""
    every_steps: Annotated[int, pydantic.Field(ge=1)] | None = None
    """Save after each so many steps too; None: not."""
    every_seconds: Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)] | None = None
    """Save when the last checkpoint is so many seconds old; None: not."""
    keep_last: Annotated[int, pydantic.Field(ge=1)] | None = None
    """Newest checkpoints that are kept; None: as many as the service is set to."""
    keep_best: str | None = None
    """Epoch metric, e.g. `val/loss`: the checkpoint where it was best is kept too. True is `val/loss`."""
    keep_every: Annotated[int, pydantic.Field(ge=1)] | None = None
    """Checkpoints at the end of each so many epochs are kept for ever; None: none."""

    @pydantic.field_validator("every_epochs", mode="before")
    @classmethod
    def _none_is_zero(cls, value: Any) -> Any:
        return 0 if value is None else value

    @pydantic.field_validator("keep_best", mode="before")
    @classmethod
    def _true_is_the_usual_metric(cls, value: Any) -> Any:
        if isinstance(value, bool):
            return USUAL_METRIC if value else None
        return value


class TrainingConfig(Options):
    """What to train."""

    # Required; `resolving` says which there are.
    architecture: str = ""
    """Name of an architecture. Required."""
    dataset: str = ""
    """Name of a data set. Required."""
    options: dict[str, Any] = {}
    """Options of the architecture."""
    epochs: Annotated[int, pydantic.Field(ge=1, le=1_000_000)] = 10
    """Passes over the training split, from 1 to 1,000,000."""
    batch_size: Annotated[int, pydantic.Field(ge=1)] = 32
    """Samples per step, from 1 to the size of the training split. An epoch's last batch may be smaller."""
    seed: Annotated[int, pydantic.Field(ge=0, le=MAX_SEED)] = 0
    """Key of every random draw: initialisation, order, dropout."""
    optimizer: dict[str, Any] = {"kind": "adam"}
    """`kind` names an optimizer, Adam if absent; what else is there are its options."""
    schedule: dict[str, Any] = {"kind": "constant"}
    """`kind` names a schedule of the learning rate; what else is there are its options."""
    l1: Penalty = 0.0
    """Times the sum of the absolute weights over the samples of the batch, added to the loss; biases are free; 0 or more."""
    l2: Penalty = 0.0
    """Times the sum of the squared weights over twice the samples of the batch, added to the loss; biases are free; 0 or
    more."""
    gradient_clip_norm: Limit | None = None
    """All gradients together are shortened to this length; None: not."""
    gradient_clip_value: Limit | None = None
    """Each number of a gradient is kept between minus this and this; None: not."""
    early_stopping: EarlyStoppingConfig | None = None
    """None: train for all epochs."""
    validation_split: Share = 0.1
    """Share of the training split that is held out for validation, from 0 up to but not 1."""
    validation_dataset: Annotated[str, pydantic.Field(min_length=1)] | None = None
    """Name of a data set to validate on, all of its samples, in place of a share of the training split. It has the kind
    and shape of the training data, and no labels that they have not."""
    test_split: Share = 0.2
    """Share held out for the test metrics where the data set brings no test split, from 0 up to but not 1."""
    loss: str = "cross_entropy"
    """What training makes small: `cross_entropy`; `binary_cross_entropy`, for two classes, with one sigmoid unit at the
    end; `mse`, the mean squared error of the probabilities. A `sequential` network for two classes may end in one
    sigmoid unit for the last two."""
    label_smoothing: Share = 0.0
    """Share of the target that is spread over all classes, from 0 up to but not 1. The loss of validation and test is
    smoothed too, as in Keras."""
    class_weights: Any = None
    """How much the samples of each class count in training: `balanced` (as many samples as the classes have, divided
    by classes and by samples of the class, over the training split), or a weight for each label; 1 for a label that is
    not named. The weighted losses of a batch are summed and divided by its samples, as in Keras. Losses of validation
    and test are not weighted."""
    metrics: list[str] = []
    """Measured beside loss and accuracy, for training, validation and test: `top_5_accuracy` (any number below that of
    the classes), `precision`, `recall` and `f1` (means over the classes), `roc_auc` (each class against the rest, mean
    over the classes). Each is over all samples of the epoch, no mean of batches; those of training are of the outputs
    before each update."""
    augmentation: Annotated[list[Any], pydantic.Field(max_length=100)] = []
    """What is changed at random in the images of training batches, in order; each is a name, or a name with options."""
    text: TextConfig | None = None
    """For data sets of texts alone; None there: the defaults."""
    checkpoint: CheckpointConfig = CheckpointConfig()
    """When the run is saved, and which checkpoints are kept."""

    @pydantic.field_validator("gradient_clip_value")
    @classmethod
    def _only_one_limit(cls, value: float | None, info: pydantic.ValidationInfo) -> float | None:
        if value is not None and info.data.get("gradient_clip_norm") is not None:
            raise ValueError("cannot be set beside gradient_clip_norm; leave one out")
        return value
