import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrainingSpec(_message.Message):
    __slots__ = ("architecture", "options", "dataset", "epochs", "batch_size", "seed", "optimizer", "early_stopping", "validation_split", "test_split", "loss", "label_smoothing", "class_weights", "metrics", "validation_dataset", "schedule", "l1", "l2", "gradient_clip_norm", "gradient_clip_value", "augmentation", "text", "checkpoint")
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    EARLY_STOPPING_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_SPLIT_FIELD_NUMBER: _ClassVar[int]
    TEST_SPLIT_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    LABEL_SMOOTHING_FIELD_NUMBER: _ClassVar[int]
    CLASS_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_DATASET_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    L1_FIELD_NUMBER: _ClassVar[int]
    L2_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CLIP_NORM_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CLIP_VALUE_FIELD_NUMBER: _ClassVar[int]
    AUGMENTATION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    architecture: str
    options: _struct_pb2.Struct
    dataset: str
    epochs: int
    batch_size: int
    seed: int
    optimizer: Optimizer
    early_stopping: EarlyStopping
    validation_split: float
    test_split: float
    loss: str
    label_smoothing: float
    class_weights: ClassWeights
    metrics: _containers.RepeatedScalarFieldContainer[str]
    validation_dataset: str
    schedule: Schedule
    l1: float
    l2: float
    gradient_clip_norm: float
    gradient_clip_value: float
    augmentation: _struct_pb2.ListValue
    text: TextSettings
    checkpoint: Checkpointing
    def __init__(self, architecture: _Optional[str] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., dataset: _Optional[str] = ..., epochs: _Optional[int] = ..., batch_size: _Optional[int] = ..., seed: _Optional[int] = ..., optimizer: _Optional[_Union[Optimizer, _Mapping]] = ..., early_stopping: _Optional[_Union[EarlyStopping, _Mapping]] = ..., validation_split: _Optional[float] = ..., test_split: _Optional[float] = ..., loss: _Optional[str] = ..., label_smoothing: _Optional[float] = ..., class_weights: _Optional[_Union[ClassWeights, _Mapping]] = ..., metrics: _Optional[_Iterable[str]] = ..., validation_dataset: _Optional[str] = ..., schedule: _Optional[_Union[Schedule, _Mapping]] = ..., l1: _Optional[float] = ..., l2: _Optional[float] = ..., gradient_clip_norm: _Optional[float] = ..., gradient_clip_value: _Optional[float] = ..., augmentation: _Optional[_Union[_struct_pb2.ListValue, _Mapping]] = ..., text: _Optional[_Union[TextSettings, _Mapping]] = ..., checkpoint: _Optional[_Union[Checkpointing, _Mapping]] = ...) -> None: ...

class PredictionSpec(_message.Message):
    __slots__ = ("model", "dataset", "split", "batch_size")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    model: str
    dataset: str
    split: str
    batch_size: int
    def __init__(self, model: _Optional[str] = ..., dataset: _Optional[str] = ..., split: _Optional[str] = ..., batch_size: _Optional[int] = ...) -> None: ...

class Checkpointing(_message.Message):
    __slots__ = ("every_epochs", "every_steps", "every_seconds", "keep_last", "keep_best", "keep_every")
    EVERY_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    EVERY_STEPS_FIELD_NUMBER: _ClassVar[int]
    EVERY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    KEEP_LAST_FIELD_NUMBER: _ClassVar[int]
    KEEP_BEST_FIELD_NUMBER: _ClassVar[int]
    KEEP_EVERY_FIELD_NUMBER: _ClassVar[int]
    every_epochs: int
    every_steps: int
    every_seconds: float
    keep_last: int
    keep_best: str
    keep_every: int
    def __init__(self, every_epochs: _Optional[int] = ..., every_steps: _Optional[int] = ..., every_seconds: _Optional[float] = ..., keep_last: _Optional[int] = ..., keep_best: _Optional[str] = ..., keep_every: _Optional[int] = ...) -> None: ...

class ClassWeights(_message.Message):
    __slots__ = ("balanced", "weights")
    class WeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    BALANCED_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    balanced: bool
    weights: _containers.ScalarMap[str, float]
    def __init__(self, balanced: bool = ..., weights: _Optional[_Mapping[str, float]] = ...) -> None: ...

class TextSettings(_message.Message):
    __slots__ = ("vocabulary", "length")
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    vocabulary: int
    length: int
    def __init__(self, vocabulary: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class Optimizer(_message.Message):
    __slots__ = ("kind", "options")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    options: _struct_pb2.Struct
    def __init__(self, kind: _Optional[str] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Schedule(_message.Message):
    __slots__ = ("kind", "options")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    options: _struct_pb2.Struct
    def __init__(self, kind: _Optional[str] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class EarlyStopping(_message.Message):
    __slots__ = ("monitor", "patience", "min_delta")
    MONITOR_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    MIN_DELTA_FIELD_NUMBER: _ClassVar[int]
    monitor: str
    patience: int
    min_delta: float
    def __init__(self, monitor: _Optional[str] = ..., patience: _Optional[int] = ..., min_delta: _Optional[float] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("id", "name", "spec", "prediction", "effective_spec", "effective_prediction", "state", "state_message", "progress", "attempt", "failure", "model", "metrics", "create_time", "start_time", "end_time", "last_cursor", "priority", "queue_position", "next_attempt_time", "max_runtime", "run_time", "wait_reason")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Job.State]
        QUEUED: _ClassVar[Job.State]
        STARTING: _ClassVar[Job.State]
        RUNNING: _ClassVar[Job.State]
        PAUSING: _ClassVar[Job.State]
        PAUSED: _ClassVar[Job.State]
        CANCELLING: _ClassVar[Job.State]
        CANCELLED: _ClassVar[Job.State]
        SUCCEEDED: _ClassVar[Job.State]
        FAILED: _ClassVar[Job.State]
    STATE_UNSPECIFIED: Job.State
    QUEUED: Job.State
    STARTING: Job.State
    RUNNING: Job.State
    PAUSING: Job.State
    PAUSED: Job.State
    CANCELLING: Job.State
    CANCELLED: Job.State
    SUCCEEDED: Job.State
    FAILED: Job.State
    class WaitReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        WAIT_REASON_UNSPECIFIED: _ClassVar[Job.WaitReason]
        SLOT: _ClassVar[Job.WaitReason]
        BACK_OFF: _ClassVar[Job.WaitReason]
        DISK_FULL: _ClassVar[Job.WaitReason]
        DATABASE_BUSY: _ClassVar[Job.WaitReason]
    WAIT_REASON_UNSPECIFIED: Job.WaitReason
    SLOT: Job.WaitReason
    BACK_OFF: Job.WaitReason
    DISK_FULL: Job.WaitReason
    DATABASE_BUSY: Job.WaitReason
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_SPEC_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_PREDICTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_CURSOR_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_POSITION_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    MAX_RUNTIME_FIELD_NUMBER: _ClassVar[int]
    RUN_TIME_FIELD_NUMBER: _ClassVar[int]
    WAIT_REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    spec: TrainingSpec
    prediction: PredictionSpec
    effective_spec: TrainingSpec
    effective_prediction: PredictionSpec
    state: Job.State
    state_message: str
    progress: Progress
    attempt: int
    failure: Failure
    model: ModelReference
    metrics: _containers.ScalarMap[str, float]
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    last_cursor: int
    priority: int
    queue_position: int
    next_attempt_time: _timestamp_pb2.Timestamp
    max_runtime: _duration_pb2.Duration
    run_time: _duration_pb2.Duration
    wait_reason: Job.WaitReason
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., spec: _Optional[_Union[TrainingSpec, _Mapping]] = ..., prediction: _Optional[_Union[PredictionSpec, _Mapping]] = ..., effective_spec: _Optional[_Union[TrainingSpec, _Mapping]] = ..., effective_prediction: _Optional[_Union[PredictionSpec, _Mapping]] = ..., state: _Optional[_Union[Job.State, str]] = ..., state_message: _Optional[str] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., attempt: _Optional[int] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., model: _Optional[_Union[ModelReference, _Mapping]] = ..., metrics: _Optional[_Mapping[str, float]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_cursor: _Optional[int] = ..., priority: _Optional[int] = ..., queue_position: _Optional[int] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., max_runtime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., run_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., wait_reason: _Optional[_Union[Job.WaitReason, str]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("epoch", "epochs", "step", "steps", "fraction", "samples_per_second", "eta")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    ETA_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    epochs: int
    step: int
    steps: int
    fraction: float
    samples_per_second: float
    eta: _duration_pb2.Duration
    def __init__(self, epoch: _Optional[int] = ..., epochs: _Optional[int] = ..., step: _Optional[int] = ..., steps: _Optional[int] = ..., fraction: _Optional[float] = ..., samples_per_second: _Optional[float] = ..., eta: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("reason", "message", "next_step", "evidence")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[Failure.Reason]
        INVALID_DATA: _ClassVar[Failure.Reason]
        OUT_OF_MEMORY_DEVICE: _ClassVar[Failure.Reason]
        OUT_OF_MEMORY_HOST: _ClassVar[Failure.Reason]
        WORKER_KILLED: _ClassVar[Failure.Reason]
        WORKER_LOST: _ClassVar[Failure.Reason]
        NON_FINITE_LOSS: _ClassVar[Failure.Reason]
        DISK_FULL: _ClassVar[Failure.Reason]
        DEADLINE: _ClassVar[Failure.Reason]
        PREEMPTED: _ClassVar[Failure.Reason]
        INTERNAL: _ClassVar[Failure.Reason]
    REASON_UNSPECIFIED: Failure.Reason
    INVALID_DATA: Failure.Reason
    OUT_OF_MEMORY_DEVICE: Failure.Reason
    OUT_OF_MEMORY_HOST: Failure.Reason
    WORKER_KILLED: Failure.Reason
    WORKER_LOST: Failure.Reason
    NON_FINITE_LOSS: Failure.Reason
    DISK_FULL: Failure.Reason
    DEADLINE: Failure.Reason
    PREEMPTED: Failure.Reason
    INTERNAL: Failure.Reason
    class EvidenceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NEXT_STEP_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    reason: Failure.Reason
    message: str
    next_step: str
    evidence: _containers.ScalarMap[str, str]
    def __init__(self, reason: _Optional[_Union[Failure.Reason, str]] = ..., message: _Optional[str] = ..., next_step: _Optional[str] = ..., evidence: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ModelReference(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("scope", "name", "step", "epoch", "value")
    class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SCOPE_UNSPECIFIED: _ClassVar[Metric.Scope]
        STEP: _ClassVar[Metric.Scope]
        EPOCH: _ClassVar[Metric.Scope]
        TEST: _ClassVar[Metric.Scope]
    SCOPE_UNSPECIFIED: Metric.Scope
    STEP: Metric.Scope
    EPOCH: Metric.Scope
    TEST: Metric.Scope
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    scope: Metric.Scope
    name: str
    step: int
    epoch: int
    value: float
    def __init__(self, scope: _Optional[_Union[Metric.Scope, str]] = ..., name: _Optional[str] = ..., step: _Optional[int] = ..., epoch: _Optional[int] = ..., value: _Optional[float] = ...) -> None: ...

class JobEvent(_message.Message):
    __slots__ = ("cursor", "time", "state_changed", "progressed", "metrics_recorded", "checkpoint_saved", "checkpoint_damaged")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    PROGRESSED_FIELD_NUMBER: _ClassVar[int]
    METRICS_RECORDED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_SAVED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_DAMAGED_FIELD_NUMBER: _ClassVar[int]
    cursor: int
    time: _timestamp_pb2.Timestamp
    state_changed: StateChanged
    progressed: Progressed
    metrics_recorded: MetricsRecorded
    checkpoint_saved: CheckpointSaved
    checkpoint_damaged: CheckpointDamaged
    def __init__(self, cursor: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state_changed: _Optional[_Union[StateChanged, _Mapping]] = ..., progressed: _Optional[_Union[Progressed, _Mapping]] = ..., metrics_recorded: _Optional[_Union[MetricsRecorded, _Mapping]] = ..., checkpoint_saved: _Optional[_Union[CheckpointSaved, _Mapping]] = ..., checkpoint_damaged: _Optional[_Union[CheckpointDamaged, _Mapping]] = ...) -> None: ...

class StateChanged(_message.Message):
    __slots__ = ("state", "attempt", "message", "failure", "model")
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    state: Job.State
    attempt: int
    message: str
    failure: Failure
    model: ModelReference
    def __init__(self, state: _Optional[_Union[Job.State, str]] = ..., attempt: _Optional[int] = ..., message: _Optional[str] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., model: _Optional[_Union[ModelReference, _Mapping]] = ...) -> None: ...

class Progressed(_message.Message):
    __slots__ = ("progress", "metrics")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    metrics: _containers.ScalarMap[str, float]
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...

class MetricsRecorded(_message.Message):
    __slots__ = ("metrics",)
    METRICS_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    def __init__(self, metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ...) -> None: ...

class CheckpointSaved(_message.Message):
    __slots__ = ("checkpoint",)
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    checkpoint: Checkpoint
    def __init__(self, checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ...) -> None: ...

class CheckpointDamaged(_message.Message):
    __slots__ = ("checkpoint_id", "step", "message")
    CHECKPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    checkpoint_id: str
    step: int
    message: str
    def __init__(self, checkpoint_id: _Optional[str] = ..., step: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("id", "epoch", "step", "size_bytes", "create_time", "damaged")
    ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    id: str
    epoch: int
    step: int
    size_bytes: int
    create_time: _timestamp_pb2.Timestamp
    damaged: bool
    def __init__(self, id: _Optional[str] = ..., epoch: _Optional[int] = ..., step: _Optional[int] = ..., size_bytes: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., damaged: bool = ...) -> None: ...

class CreateJobRequest(_message.Message):
    __slots__ = ("job", "request_id", "validate_only")
    JOB_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    job: Job
    request_id: str
    validate_only: bool
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "states", "architecture", "name")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[Job.State]
    architecture: str
    name: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., states: _Optional[_Iterable[_Union[Job.State, str]]] = ..., architecture: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class PauseJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ResumeJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class RetryJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeleteJobRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeleteJobResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchJobRequest(_message.Message):
    __slots__ = ("id", "cursor")
    ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    cursor: int
    def __init__(self, id: _Optional[str] = ..., cursor: _Optional[int] = ...) -> None: ...

class ListTransitionsRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListTransitionsResponse(_message.Message):
    __slots__ = ("transitions",)
    TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    transitions: _containers.RepeatedCompositeFieldContainer[JobEvent]
    def __init__(self, transitions: _Optional[_Iterable[_Union[JobEvent, _Mapping]]] = ...) -> None: ...

class ListMetricsRequest(_message.Message):
    __slots__ = ("id", "scopes", "page_size", "page_token")
    ID_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    scopes: _containers.RepeatedScalarFieldContainer[Metric.Scope]
    page_size: int
    page_token: str
    def __init__(self, id: _Optional[str] = ..., scopes: _Optional[_Iterable[_Union[Metric.Scope, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMetricsResponse(_message.Message):
    __slots__ = ("metrics", "next_page_token")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    next_page_token: str
    def __init__(self, metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetPicturesRequest(_message.Message):
    __slots__ = ("id", "epoch")
    ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    id: str
    epoch: int
    def __init__(self, id: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class Pictures(_message.Message):
    __slots__ = ("epoch", "epochs", "shape", "data")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    epochs: _containers.RepeatedScalarFieldContainer[int]
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, epoch: _Optional[int] = ..., epochs: _Optional[_Iterable[int]] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class StreamLogsRequest(_message.Message):
    __slots__ = ("id", "cursor", "attempt", "follow")
    ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    id: str
    cursor: int
    attempt: int
    follow: bool
    def __init__(self, id: _Optional[str] = ..., cursor: _Optional[int] = ..., attempt: _Optional[int] = ..., follow: bool = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("cursor", "attempt", "time", "text")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    cursor: int
    attempt: int
    time: _timestamp_pb2.Timestamp
    text: str
    def __init__(self, cursor: _Optional[int] = ..., attempt: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class ListCheckpointsRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListCheckpointsResponse(_message.Message):
    __slots__ = ("checkpoints",)
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    checkpoints: _containers.RepeatedCompositeFieldContainer[Checkpoint]
    def __init__(self, checkpoints: _Optional[_Iterable[_Union[Checkpoint, _Mapping]]] = ...) -> None: ...

class ReadPredictionsRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ReadPredictionsResponse(_message.Message):
    __slots__ = ("header", "rows")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    header: PredictionsHeader
    rows: PredictionRows
    def __init__(self, header: _Optional[_Union[PredictionsHeader, _Mapping]] = ..., rows: _Optional[_Union[PredictionRows, _Mapping]] = ...) -> None: ...

class PredictionsHeader(_message.Message):
    __slots__ = ("samples", "labels", "dataset_labels")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    DATASET_LABELS_FIELD_NUMBER: _ClassVar[int]
    samples: int
    labels: _containers.RepeatedScalarFieldContainer[str]
    dataset_labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, samples: _Optional[int] = ..., labels: _Optional[_Iterable[str]] = ..., dataset_labels: _Optional[_Iterable[str]] = ...) -> None: ...

class PredictionRows(_message.Message):
    __slots__ = ("probabilities", "true_classes")
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    TRUE_CLASSES_FIELD_NUMBER: _ClassVar[int]
    probabilities: bytes
    true_classes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, probabilities: _Optional[bytes] = ..., true_classes: _Optional[_Iterable[int]] = ...) -> None: ...
