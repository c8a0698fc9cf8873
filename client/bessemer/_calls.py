"""What both faces of the SDK share: building requests and reading answers. Pure, no I/O."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format, struct_pb2

from bessemer import errors
from bessemer.v1 import jobs_pb2, models_pb2

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A larger request is never retried: the default of 256 KiB is less than a small batch of images.
    ("grpc.per_rpc_retry_buffer_size", 64 * 1024 * 1024),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A line can go dead without a word, and a quiet stream would wait on it for ever. The service bears a ping each 10 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 15_000),
    # gRPC's pings for other ends have a timeout of their own, and none to keep alive is sent beside them.
    ("grpc.http2.ping_timeout_ms", 15_000),
    ("grpc.http2.max_pings_without_data", 0),  # not only the first two of a silence
    (
        "grpc.service_config",
        json.dumps(
            {
                "methodConfig": [
                    {
                        # Every call here can be repeated: reads, predictions, cancel, and CreateJob with its key.
                        "name": [
                            {"service": "bessemer.v1.JobService"},
                            {"service": "bessemer.v1.ModelService"},
                            {"service": "bessemer.v1.DatasetService"},
                            {"service": "bessemer.v1.CatalogService"},
                            {"service": "inference.GRPCInferenceService"},
                        ],
                        "retryPolicy": {
                            "maxAttempts": 4,
                            "initialBackoff": "0.1s",
                            "maxBackoff": "1s",
                            "backoffMultiplier": 3,
                            "retryableStatusCodes": ["UNAVAILABLE"],
                        },
                    }
                ]
            }
        ),
    ),
]

INFER_METHOD = "/inference.GRPCInferenceService/ModelInfer"
"""The protocol's standard name: the generated stub would call our own package's."""
PAGE_SIZE = 200
ADDRESS = re.compile(r"(unix|dns|ipv4|ipv6):.+|(\[[\da-fA-F:.]+\]|[^:/\s\[\]]+):(?P<port>\d{1,5})")
INT32, INT64 = 2**31 - 1, 2**63 - 1
INTEGERS = {"epochs": INT32, "batch_size": INT32, "seed": INT64}
CHOICES = ("optimizer", "schedule")
"""Given by name, or as a dict with `kind` and what else the kind takes."""
NAMES = ("loss", "validation_dataset")
NUMBERS = (
    *("validation_split", "test_split", "label_smoothing"),
    *("l1", "l2", "gradient_clip_norm", "gradient_clip_value"),
)


def check_address(address: str) -> None:
    """Raise `InvalidArgument` for what is no address; gRPC would say so late and in riddles."""
    match = ADDRESS.fullmatch(address)
    if not match or not 0 < int(match["port"] or 1) < 2**16:
        description = f"must be HOST:PORT, e.g. localhost:50051, but is {address!r}"
        raise errors.InvalidArgument(violations=(errors.Violation("address", description),))


def build_metadata(token: str | None) -> tuple[tuple[str, str], ...]:
    """What goes along with every call."""
    return (("authorization", f"Bearer {token}"),) if token else ()


def explain_closed(address: str) -> errors.FailedPrecondition:
    """The error of a call by a client that was closed."""
    return errors.FailedPrecondition(
        f"this client of {address} is closed; make the call within its `with` block, or connect again"
    )


def build_spec(
    architecture: str,
    dataset: str,
    options: Mapping[str, Any] | None = None,
    optimizer: str | Mapping[str, Any] | None = None,
    early_stopping: Mapping[str, Any] | None = None,
    *,
    schedule: str | Mapping[str, Any] | None = None,
    text: Mapping[str, Any] | None = None,
    checkpoint: Mapping[str, Any] | None = None,
    loss: str | None = None,
    validation_dataset: str | None = None,
    class_weights: str | Mapping[str, float] | Mapping[int, float] | None = None,
    metrics: Sequence[str] | None = None,
    augmentation: Sequence[str | Mapping[str, Any]] | None = None,
    **scalars: Any,
) -> jobs_pb2.TrainingSpec:
    """The specification as a message. Raises `InvalidArgument` for what no message can hold, all at once."""
    found = _Violations()
    spec = jobs_pb2.TrainingSpec(
        architecture=found.check_text("architecture", architecture),
        dataset=found.check_text("dataset", dataset),
    )
    if options is not None and (struct := found.check_struct("options", options)) is not None:
        spec.options.CopyFrom(struct)
    for name, value in scalars.items():
        if value is None:
            continue
        checked = (
            found.check_integer(name, value, INTEGERS[name])
            if name in INTEGERS
            else found.check_number(name, value)
        )
        if checked is not None:
            setattr(spec, name, checked)
    for name, text_value in (("loss", loss), ("validation_dataset", validation_dataset)):
        if text_value is not None:
            setattr(spec, name, found.check_text(name, text_value))
    for value, fill in (
        (optimizer, _set_optimizer),
        (schedule, _set_schedule),
        (early_stopping, _set_early_stopping),
        (class_weights, _set_class_weights),
        (metrics, _set_metrics),
        (augmentation, _set_augmentation),
        (text, _set_text),
        (checkpoint, _set_checkpoint),
    ):
        if value is not None:
            fill(spec, value, found)
    found.raise_any()
    return spec


def _set_optimizer(spec: jobs_pb2.TrainingSpec, choice: Any, found: _Violations) -> None:
    _set_choice(spec, "optimizer", choice, found)


def _set_schedule(spec: jobs_pb2.TrainingSpec, choice: Any, found: _Violations) -> None:
    _set_choice(spec, "schedule", choice, found)


def _set_augmentation(spec: jobs_pb2.TrainingSpec, entries: Any, found: _Violations) -> None:
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        found.add(
            "augmentation", f"must be a list of names, or of dicts with one name each, but is {entries!r}"
        )
    elif (struct := found.check_struct("augmentation", {"entries": entries})) is not None:
        spec.augmentation.CopyFrom(struct.fields["entries"].list_value)


def _set_choice(spec: jobs_pb2.TrainingSpec, field: str, choice: Any, found: _Violations) -> None:
    message: jobs_pb2.Optimizer | jobs_pb2.Schedule = getattr(spec, field)
    if isinstance(choice, str):
        choice = {"kind": choice}
    if not isinstance(choice, Mapping):
        found.add(field, f"must be a name or a dict with `kind`, but is {choice!r}")
        return
    message.SetInParent()
    message.kind = found.check_text(f"{field}.kind", choice.get("kind", ""))
    options = {name: value for name, value in choice.items() if name != "kind"}
    if options and (struct := found.check_struct(field, options)) is not None:
        message.options.CopyFrom(struct)


def _set_early_stopping(spec: jobs_pb2.TrainingSpec, rule: Any, found: _Violations) -> None:
    if not isinstance(rule, Mapping):
        found.add("early_stopping", f"must be a dict with monitor, patience, min_delta, but is {rule!r}")
        return
    spec.early_stopping.SetInParent()
    for name, value in rule.items():
        field = f"early_stopping.{name}"
        if name == "monitor":
            spec.early_stopping.monitor = found.check_text(field, value)
        elif name == "patience":
            if (patience := found.check_integer(field, value, INT32)) is not None:
                spec.early_stopping.patience = patience
        elif name == "min_delta":
            if (delta := found.check_number(field, value)) is not None:
                spec.early_stopping.min_delta = delta
        else:
            found.add(field, "there is no such option; there are monitor, patience, min_delta")


def _set_class_weights(spec: jobs_pb2.TrainingSpec, weights: Any, found: _Violations) -> None:
    spec.class_weights.SetInParent()
    if weights == "balanced":
        spec.class_weights.balanced = True
        return
    if not isinstance(weights, Mapping):
        found.add("class_weights", f"must be 'balanced' or a dict of weights by label, but is {weights!r}")
        return
    for key, value in weights.items():
        # Classes that are numbers, as those of digits, may be written as such.
        label = str(key) if isinstance(key, int) else found.check_text("class_weights", key)
        if (weight := found.check_number(f"class_weights.{label}", value)) is not None:
            spec.class_weights.weights[label] = weight


def _set_metrics(spec: jobs_pb2.TrainingSpec, names: Any, found: _Violations) -> None:
    if isinstance(names, str) or not isinstance(names, Sequence):
        found.add("metrics", f"must be a list of names, but is {names!r}")
        return
    spec.metrics.extend(found.check_text(f"metrics[{i}]", name) for i, name in enumerate(names))


def _set_text(spec: jobs_pb2.TrainingSpec, settings: Any, found: _Violations) -> None:
    if not isinstance(settings, Mapping):
        found.add("text", f"must be a dict with vocabulary, length, but is {settings!r}")
        return
    spec.text.SetInParent()
    for name, value in settings.items():
        if name not in ("vocabulary", "length"):
            found.add(f"text.{name}", "there is no such option; there are vocabulary, length")
        elif (checked := found.check_integer(f"text.{name}", value, INT32)) is not None:
            setattr(spec.text, name, checked)


def _set_checkpoint(spec: jobs_pb2.TrainingSpec, settings: Any, found: _Violations) -> None:
    fields = [field.name for field in jobs_pb2.Checkpointing.DESCRIPTOR.fields]
    if not isinstance(settings, Mapping):
        found.add("checkpoint", f"must be a dict with {', '.join(fields)}, but is {settings!r}")
        return
    spec.checkpoint.SetInParent()
    for name, value in settings.items():
        field = f"checkpoint.{name}"
        checked: Any = None
        if name not in fields:
            found.add(field, f"there is no such option; there are {', '.join(fields)}")
        elif name == "every_epochs" and value is None:
            checked = 0
        elif value is None or (name == "keep_best" and value is False):
            continue
        elif name == "keep_best":
            checked = "val/loss" if value is True else found.check_text(field, value)
        elif name == "every_seconds":
            checked = found.check_number(field, value)
        else:
            checked = found.check_integer(field, value, INT64 if name == "every_steps" else INT32)
        if checked is not None:
            setattr(spec.checkpoint, name, checked)


class _Violations:
    """Collects faults, so that all are named at once."""

    def __init__(self) -> None:
        self._found: list[errors.Violation] = []

    def add(self, field: str, description: str) -> None:
        self._found.append(errors.Violation(field, description))

    def raise_any(self) -> None:
        if self._found:
            raise errors.InvalidArgument(violations=tuple(self._found))

    def check_text(self, field: str, value: Any) -> str:
        if not isinstance(value, str):
            self.add(field, f"must be a name, but is {value!r}")
        elif not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
            self.add(field, f"must be text that UTF-8 can hold, but is {value!r}")
        else:
            return value
        return ""

    def check_integer(self, field: str, value: Any, maximum: int) -> int | None:
        number = value.item() if hasattr(value, "item") else value  # NumPy's integers are welcome
        if not isinstance(number, int) or isinstance(number, bool):
            self.add(field, f"must be an integer, but is {value!r}")
        elif abs(number) > maximum:
            self.add(field, f"must be at most {maximum}, but is {number}")
        else:
            return number
        return None

    def check_number(self, field: str, value: Any) -> float | None:
        number = value.item() if hasattr(value, "item") else value
        if isinstance(number, int | float) and not isinstance(number, bool):
            return float(number)
        self.add(field, f"must be a number, but is {value!r}")
        return None

    def check_struct(self, field: str, values: Any) -> struct_pb2.Struct | None:
        if not isinstance(values, Mapping):
            self.add(field, f"must be a dict, but is {values!r}")
            return None
        try:
            return json_format.ParseDict(_plain(values), struct_pb2.Struct())
        except (json_format.ParseError, TypeError, ValueError) as error:
            self.add(field, f"must hold only numbers, strings, booleans, lists and dicts: {error}")
            return None


def _plain(value: Any) -> Any:
    """Tuples as lists, NumPy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") and not isinstance(value, str) else value


def build_create(
    spec: jobs_pb2.TrainingSpec, name: str | None, idempotency_key: str | None
) -> jobs_pb2.CreateJobRequest:
    """The request that submits a job; the key makes it safe to repeat."""
    key = check_text("idempotency_key", idempotency_key or str(uuid.uuid4()))
    job = jobs_pb2.Job(name="" if name is None else check_text("name", name), spec=spec)
    return jobs_pb2.CreateJobRequest(job=job, request_id=key)


def check_text(field: str, value: Any) -> str:
    """The value, if a message can hold it as text. Raises `InvalidArgument`."""
    found = _Violations()
    text = found.check_text(field, value)
    found.raise_any()
    return text


def build_get_job(job_id: str) -> jobs_pb2.GetJobRequest:
    """The request for the job with this id. Raises `InvalidArgument`."""
    return jobs_pb2.GetJobRequest(id=check_text("id", job_id))


def parse_reference(reference: str) -> tuple[str, str]:
    """Name and version of `digits-cnn@2` or `digits-cnn`; the version is empty for the newest."""
    name, _, version = reference.partition("@")
    return name, version


def build_get_model(reference: str) -> models_pb2.GetModelRequest:
    """The request for `digits-cnn@2` or `digits-cnn`. Raises `InvalidArgument`."""
    name, version = parse_reference(check_text("name", reference))
    if version and not version.isdecimal():
        description = f"a version is a whole number from 1, e.g. {name}@1, but this is {reference!r}"
        raise errors.InvalidArgument(violations=(errors.Violation("version", description),))
    return models_pb2.GetModelRequest(name=name, version=version)


def build_model_list(name: str | None, limit: int | None) -> models_pb2.ListModelsRequest:
    """The first page of the models."""
    return models_pb2.ListModelsRequest(page_size=min(limit or PAGE_SIZE, PAGE_SIZE), name=name or "")


def build_job_list(
    state: str | None, architecture: str | None, name: str | None, limit: int | None
) -> jobs_pb2.ListJobsRequest:
    """The first page of the jobs that fit. Raises `InvalidArgument`."""
    return jobs_pb2.ListJobsRequest(
        page_size=min(limit or PAGE_SIZE, PAGE_SIZE),
        states=[_parse_state(state)] if state else [],
        architecture=architecture or "",
        name=name or "",
    )


def _parse_state(state: str) -> str:
    known = [name for name in jobs_pb2.Job.State.keys() if name != "STATE_UNSPECIFIED"]  # noqa: SIM118 - no mapping
    if state.upper() not in known:
        violation = errors.Violation("state", f"there is no state {state!r}; there are {', '.join(known)}")
        raise errors.InvalidArgument(violations=(violation,))
    return state.upper()


def struct_to_dict(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Plain values; numbers without a fraction as int."""
    found: dict[str, Any] = _whole(json_format.MessageToDict(struct))
    return found


def _list_to_python(values: struct_pb2.ListValue) -> list[Any]:
    found: list[Any] = _whole(json_format.MessageToDict(values))
    return found


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def spec_to_dict(spec: jobs_pb2.TrainingSpec) -> dict[str, Any]:
    """The specification with what is set, as it could be given to `train` again."""
    found: dict[str, Any] = {"architecture": spec.architecture, "dataset": spec.dataset}
    if spec.HasField("options"):
        found["options"] = struct_to_dict(spec.options)
    for name in (*INTEGERS, *NUMBERS, *NAMES):
        if spec.HasField(name):
            found[name] = getattr(spec, name)
    for name in CHOICES:
        if spec.HasField(name):
            choice = getattr(spec, name)
            found[name] = {"kind": choice.kind, **struct_to_dict(choice.options)}
    if spec.HasField("class_weights"):
        weights = spec.class_weights
        found["class_weights"] = "balanced" if weights.balanced else dict(weights.weights)
    if spec.metrics:
        found["metrics"] = list(spec.metrics)
    for name in ("early_stopping", "text", "checkpoint"):
        if spec.HasField(name):
            found[name] = {field.name: value for field, value in getattr(spec, name).ListFields()}
    if spec.augmentation.values:
        found["augmentation"] = _list_to_python(spec.augmentation)
    return found
