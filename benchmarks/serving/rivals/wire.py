"""How each rival is asked about one sample, and what it answers."""

from __future__ import annotations

import base64
import json

import numpy as np

from benchmarks.serving import load, workloads

TORCHSERVE = "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"


def ask_open(workload: workloads.Workload, address: str) -> load.Target:
    """Over the Open Inference Protocol, as ours."""
    return load.Target(address, load.INFER, workload.make_request())


def ask_raw(workload: workloads.Workload, address: str) -> load.Target:
    """The sample as the body of a POST."""
    body = workload.make_sample().tobytes()
    return load.Target(address, "/predict", body, is_grpc=False, content_type="application/octet-stream")


def read_raw(answer: bytes) -> list[float]:
    """Scores as float32."""
    return [float(score) for score in np.frombuffer(answer, "<f4")]


def ask_base64(workload: workloads.Workload, address: str) -> load.Target:
    """The sample as base64 in JSON."""
    body = json.dumps({"sample": base64.b64encode(workload.make_sample().tobytes()).decode()}).encode()
    return load.Target(address, "/predict", body, is_grpc=False, content_type="application/json")


def ask_json(workload: workloads.Workload, address: str) -> load.Target:
    """The sample as JSON."""
    body = json.dumps({"sample": workload.make_sample().tolist()}).encode()
    return load.Target(address, "/predict", body, is_grpc=False, content_type="application/json")


def read_json(answer: bytes) -> list[float]:
    """Scores as JSON, a row for each picture."""
    (row,) = json.loads(answer)
    return list(row)


def ask_torchserve(workload: workloads.Workload, address: str) -> load.Target:
    """PredictionsRequest {model_name = 1; map<string, bytes> input = 3}."""
    entry = _field(1, b"sample") + _field(2, workload.make_sample().tobytes())
    return load.Target(address, TORCHSERVE, _field(1, workload.name.encode()) + _field(3, entry))


def read_torchserve(answer: bytes) -> list[float]:
    """PredictionResponse {bytes prediction = 1}, JSON."""
    return list(json.loads(answer[answer.index(b"[") :]))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a message."""
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content
