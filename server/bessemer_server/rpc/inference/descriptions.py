"""What the protocol tells of a model: metadata, configuration, statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain.models import Model, TensorSpec
from bessemer_server.serving import requests, statistics, verdicts
from bessemer_server.serving.histograms import Histogram

PLATFORM = "bessemer_torch"
BACKEND = "bessemer"


def metadata(model: Model, versions: Sequence[int], engine: Mapping[str, str]) -> pb.ModelMetadataResponse:
    """Signature, versions and properties."""
    return pb.ModelMetadataResponse(
        name=model.name,
        versions=[str(version) for version in versions],
        platform=PLATFORM,
        inputs=[_metadata(spec) for spec in model.inputs],
        outputs=[_metadata(spec) for spec in (*model.outputs, *verdicts.specs(model))],
        properties=_properties(model, engine),
    )


def configuration(model: Model, engine: Mapping[str, str]) -> pb.ModelConfig:
    """As Triton's tools read it."""
    config = pb.ModelConfig(
        name=model.name,
        platform=PLATFORM,
        backend=BACKEND,
        max_batch_size=requests.MAX_BATCH if model.is_batched else 0,
        model_transaction_policy=pb.ModelTransactionPolicy(decoupled=False),
        parameters={
            name: pb.ModelParameter(string_value=value) for name, value in _properties(model, engine).items()
        },
    )
    if model.is_batched:
        config.dynamic_batching.SetInParent()
    for spec in model.inputs:
        config.input.add(name=spec.name, data_type=_datatype(spec), dims=_dims(spec, model))
    for spec in (*model.outputs, *verdicts.specs(model)):
        config.output.add(name=spec.name, data_type=_datatype(spec), dims=_dims(spec, model))
    return config


def describe_statistics(key: statistics.Key, found: statistics.ModelStatistics) -> pb.ModelStatistics:
    """The counters of one version."""
    message = pb.ModelStatistics(
        name=key[0],
        version=str(key[1]),
        last_inference=found.last_inference_ms,
        inference_count=found.rows.total,
        execution_count=found.rows.count,
        inference_stats=pb.InferStatistics(
            success=_sum(found.request),
            fail=_duration(found.fail),
            queue=_sum(found.queue),
            compute_input=_sum(found.input),
            compute_infer=_sum(found.infer),
            compute_output=_sum(found.output),
        ),
    )
    for rows, steps in sorted(found.by_rows.items()):
        message.batch_stats.add(
            batch_size=rows,
            compute_input=_duration(steps.input),
            compute_infer=_duration(steps.infer),
            compute_output=_duration(steps.output),
        )
    return message


def _properties(model: Model, engine: Mapping[str, str]) -> dict[str, str]:
    return {
        "architecture": model.architecture,
        "dataset": model.dataset,
        "job_id": model.job_id,
        "labels": ",".join(model.labels),
        **engine,
    }


def _metadata(spec: TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(name=spec.name, datatype=spec.datatype, shape=spec.shape)


def _datatype(spec: TensorSpec) -> Any:
    return pb.DataType.Value("TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}")


def _dims(spec: TensorSpec, model: Model) -> Sequence[int]:
    return spec.shape[1:] if model.is_batched else spec.shape


def _duration(found: statistics.Duration) -> pb.StatisticDuration:
    return pb.StatisticDuration(count=found.count, ns=found.ns)


def _sum(found: Histogram) -> pb.StatisticDuration:
    return pb.StatisticDuration(count=found.count, ns=found.total)
