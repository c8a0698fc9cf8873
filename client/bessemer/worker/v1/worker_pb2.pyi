from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetAssignmentRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Assignment(_message.Message):
    __slots__ = ("job_id", "attempt", "spec_json", "device", "threads", "dataset_dir", "cache_dir", "resume_from", "dataset_json", "bases_json", "validation_json", "asked_json")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    DATASET_DIR_FIELD_NUMBER: _ClassVar[int]
    CACHE_DIR_FIELD_NUMBER: _ClassVar[int]
    RESUME_FROM_FIELD_NUMBER: _ClassVar[int]
    DATASET_JSON_FIELD_NUMBER: _ClassVar[int]
    BASES_JSON_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_JSON_FIELD_NUMBER: _ClassVar[int]
    ASKED_JSON_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    attempt: int
    spec_json: str
    device: str
    threads: int
    dataset_dir: str
    cache_dir: str
    resume_from: Manifest
    dataset_json: str
    bases_json: str
    validation_json: str
    asked_json: str
    def __init__(self, job_id: _Optional[str] = ..., attempt: _Optional[int] = ..., spec_json: _Optional[str] = ..., device: _Optional[str] = ..., threads: _Optional[int] = ..., dataset_dir: _Optional[str] = ..., cache_dir: _Optional[str] = ..., resume_from: _Optional[_Union[Manifest, _Mapping]] = ..., dataset_json: _Optional[str] = ..., bases_json: _Optional[str] = ..., validation_json: _Optional[str] = ..., asked_json: _Optional[str] = ...) -> None: ...

class Manifest(_message.Message):
    __slots__ = ("epoch", "step", "tensors", "state_json")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    step: int
    tensors: _containers.RepeatedCompositeFieldContainer[TensorEntry]
    state_json: str
    def __init__(self, epoch: _Optional[int] = ..., step: _Optional[int] = ..., tensors: _Optional[_Iterable[_Union[TensorEntry, _Mapping]]] = ..., state_json: _Optional[str] = ...) -> None: ...

class TensorEntry(_message.Message):
    __slots__ = ("name", "dtype", "shape", "digests", "size_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    dtype: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    digests: _containers.RepeatedScalarFieldContainer[str]
    size_bytes: int
    def __init__(self, name: _Optional[str] = ..., dtype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., digests: _Optional[_Iterable[str]] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class ReportRequest(_message.Message):
    __slots__ = ("sequence", "metrics", "progress", "run_seconds")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RUN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    metrics: _containers.RepeatedCompositeFieldContainer[MetricPoint]
    progress: Progress
    run_seconds: float
    def __init__(self, sequence: _Optional[int] = ..., metrics: _Optional[_Iterable[_Union[MetricPoint, _Mapping]]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., run_seconds: _Optional[float] = ...) -> None: ...

class MetricPoint(_message.Message):
    __slots__ = ("scope", "name", "step", "epoch", "value")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    scope: int
    name: str
    step: int
    epoch: int
    value: float
    def __init__(self, scope: _Optional[int] = ..., name: _Optional[str] = ..., step: _Optional[int] = ..., epoch: _Optional[int] = ..., value: _Optional[float] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("epoch", "epochs", "step", "steps", "samples_per_second", "eta_seconds")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    ETA_SECONDS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    epochs: int
    step: int
    steps: int
    samples_per_second: float
    eta_seconds: float
    def __init__(self, epoch: _Optional[int] = ..., epochs: _Optional[int] = ..., step: _Optional[int] = ..., steps: _Optional[int] = ..., samples_per_second: _Optional[float] = ..., eta_seconds: _Optional[float] = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ("acknowledged_sequence", "command")
    class Command(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        COMMAND_UNSPECIFIED: _ClassVar[ReportResponse.Command]
        CONTINUE: _ClassVar[ReportResponse.Command]
        CANCEL: _ClassVar[ReportResponse.Command]
        PREEMPT: _ClassVar[ReportResponse.Command]
    COMMAND_UNSPECIFIED: ReportResponse.Command
    CONTINUE: ReportResponse.Command
    CANCEL: ReportResponse.Command
    PREEMPT: ReportResponse.Command
    ACKNOWLEDGED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    acknowledged_sequence: int
    command: ReportResponse.Command
    def __init__(self, acknowledged_sequence: _Optional[int] = ..., command: _Optional[_Union[ReportResponse.Command, str]] = ...) -> None: ...

class FindMissingBlobsRequest(_message.Message):
    __slots__ = ("digests",)
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, digests: _Optional[_Iterable[str]] = ...) -> None: ...

class FindMissingBlobsResponse(_message.Message):
    __slots__ = ("digests",)
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, digests: _Optional[_Iterable[str]] = ...) -> None: ...

class Blob(_message.Message):
    __slots__ = ("digest", "data")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    digest: str
    data: bytes
    def __init__(self, digest: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class UploadBlobsRequest(_message.Message):
    __slots__ = ("blob",)
    BLOB_FIELD_NUMBER: _ClassVar[int]
    blob: Blob
    def __init__(self, blob: _Optional[_Union[Blob, _Mapping]] = ...) -> None: ...

class UploadBlobsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DownloadBlobsRequest(_message.Message):
    __slots__ = ("digests",)
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, digests: _Optional[_Iterable[str]] = ...) -> None: ...

class CommitCheckpointRequest(_message.Message):
    __slots__ = ("manifest",)
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    manifest: Manifest
    def __init__(self, manifest: _Optional[_Union[Manifest, _Mapping]] = ...) -> None: ...

class CommitCheckpointResponse(_message.Message):
    __slots__ = ("checkpoint_id",)
    CHECKPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    checkpoint_id: str
    def __init__(self, checkpoint_id: _Optional[str] = ...) -> None: ...

class RecordPicturesRequest(_message.Message):
    __slots__ = ("epoch", "shape", "data")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, epoch: _Optional[int] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class RecordPicturesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FinishAttemptRequest(_message.Message):
    __slots__ = ("succeeded", "failed", "cancelled", "preempted", "predicted")
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    PREEMPTED_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    succeeded: Succeeded
    failed: Failed
    cancelled: Cancelled
    preempted: Preempted
    predicted: Predicted
    def __init__(self, succeeded: _Optional[_Union[Succeeded, _Mapping]] = ..., failed: _Optional[_Union[Failed, _Mapping]] = ..., cancelled: _Optional[_Union[Cancelled, _Mapping]] = ..., preempted: _Optional[_Union[Preempted, _Mapping]] = ..., predicted: _Optional[_Union[Predicted, _Mapping]] = ...) -> None: ...

class Succeeded(_message.Message):
    __slots__ = ("weights", "definition_json", "parameters")
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_JSON_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    weights: Manifest
    definition_json: str
    parameters: int
    def __init__(self, weights: _Optional[_Union[Manifest, _Mapping]] = ..., definition_json: _Optional[str] = ..., parameters: _Optional[int] = ...) -> None: ...

class Predicted(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: Manifest
    def __init__(self, result: _Optional[_Union[Manifest, _Mapping]] = ...) -> None: ...

class Failed(_message.Message):
    __slots__ = ("reason", "message", "next_step", "evidence")
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
    reason: str
    message: str
    next_step: str
    evidence: _containers.ScalarMap[str, str]
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., next_step: _Optional[str] = ..., evidence: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Cancelled(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Preempted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FinishAttemptResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
