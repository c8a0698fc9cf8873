"""How each rival is asked about one picture, and what it answers."""

from __future__ import annotations

import base64
import json

import numpy as np

from benchmarks.serving import load, systems
from bessemer.inference.v2 import inference_pb2 as pb

TORCHSERVE = "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"


def ask_open(address: str) -> load.Target:
    """Over the Open Inference Protocol, as ours."""
    return load.Target(address, load.INFER, systems.make_request())


def read_open(answer: bytes) -> list[float]:
    """Raw output."""
    return read_raw(pb.ModelInferResponse.FromString(answer).raw_output_contents[0])


def ask_raw(address: str) -> load.Target:
    """Pixels as the body of a POST."""
    body = systems.make_picture().tobytes()
    return load.Target(address, "/predict", body, is_grpc=False, content_type="application/octet-stream")


def read_raw(answer: bytes) -> list[float]:
    """Scores as float32."""
    return [float(score) for score in np.frombuffer(answer, "<f4")]


def ask_base64(address: str) -> load.Target:
    """Pixels as base64 in JSON."""
    body = json.dumps({"image": base64.b64encode(systems.make_picture().tobytes()).decode()}).encode()
    return load.Target(address, "/predict", body, is_grpc=False, content_type="application/json")


def ask_json(address: str) -> load.Target:
    """Pixels as JSON."""
    body = json.dumps({"image": systems.make_picture().tolist()}).encode()
    return load.Target(address, "/predict", body, is_grpc=False, content_type="application/json")


def read_json(answer: bytes) -> list[float]:
    """Scores as JSON, a row for each picture."""
    (row,) = json.loads(answer)
    return list(row)


def ask_torchserve(address: str) -> load.Target:
    """PredictionsRequest {model_name = 1; map<string, bytes> input = 3}."""
    entry = _field(1, b"image") + _field(2, systems.make_picture().tobytes())
    return load.Target(address, TORCHSERVE, _field(1, systems.MODEL.encode()) + _field(3, entry))


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
