from bessemer.v1 import jobs_pb2 as _jobs_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Architecture(_message.Message):
    __slots__ = ("name", "description", "options_schema_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    options_schema_json: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., options_schema_json: _Optional[str] = ...) -> None: ...

class ListArchitecturesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListArchitecturesResponse(_message.Message):
    __slots__ = ("architectures", "optimizers", "layers", "losses", "metrics")
    ARCHITECTURES_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZERS_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    architectures: _containers.RepeatedCompositeFieldContainer[Architecture]
    optimizers: _containers.RepeatedCompositeFieldContainer[OptimizerKind]
    layers: _containers.RepeatedCompositeFieldContainer[LayerKind]
    losses: _containers.RepeatedCompositeFieldContainer[LossKind]
    metrics: _containers.RepeatedCompositeFieldContainer[MetricKind]
    def __init__(self, architectures: _Optional[_Iterable[_Union[Architecture, _Mapping]]] = ..., optimizers: _Optional[_Iterable[_Union[OptimizerKind, _Mapping]]] = ..., layers: _Optional[_Iterable[_Union[LayerKind, _Mapping]]] = ..., losses: _Optional[_Iterable[_Union[LossKind, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[MetricKind, _Mapping]]] = ...) -> None: ...

class LossKind(_message.Message):
    __slots__ = ("name", "description")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class MetricKind(_message.Message):
    __slots__ = ("name", "description")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class OptimizerKind(_message.Message):
    __slots__ = ("name", "description", "options_schema_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    options_schema_json: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., options_schema_json: _Optional[str] = ...) -> None: ...

class LayerKind(_message.Message):
    __slots__ = ("name", "description", "options_schema_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    options_schema_json: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., options_schema_json: _Optional[str] = ...) -> None: ...

class SummarizeModelRequest(_message.Message):
    __slots__ = ("spec",)
    SPEC_FIELD_NUMBER: _ClassVar[int]
    spec: _jobs_pb2.TrainingSpec
    def __init__(self, spec: _Optional[_Union[_jobs_pb2.TrainingSpec, _Mapping]] = ...) -> None: ...

class ModelSummary(_message.Message):
    __slots__ = ("architecture", "input_shape", "layers", "parameters", "trainable_parameters")
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    INPUT_SHAPE_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    TRAINABLE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    architecture: str
    input_shape: _containers.RepeatedScalarFieldContainer[int]
    layers: _containers.RepeatedCompositeFieldContainer[LayerSummary]
    parameters: int
    trainable_parameters: int
    def __init__(self, architecture: _Optional[str] = ..., input_shape: _Optional[_Iterable[int]] = ..., layers: _Optional[_Iterable[_Union[LayerSummary, _Mapping]]] = ..., parameters: _Optional[int] = ..., trainable_parameters: _Optional[int] = ...) -> None: ...

class LayerSummary(_message.Message):
    __slots__ = ("index", "kind", "output_shape", "parameters", "trainable_parameters", "detail")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SHAPE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    TRAINABLE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    index: int
    kind: str
    output_shape: _containers.RepeatedScalarFieldContainer[int]
    parameters: int
    trainable_parameters: int
    detail: str
    def __init__(self, index: _Optional[int] = ..., kind: _Optional[str] = ..., output_shape: _Optional[_Iterable[int]] = ..., parameters: _Optional[int] = ..., trainable_parameters: _Optional[int] = ..., detail: _Optional[str] = ...) -> None: ...
