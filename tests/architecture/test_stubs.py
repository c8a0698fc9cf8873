"""The generated stubs under `client/` are those of `protos/`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools import generate_stubs


def test_the_stubs_are_what_the_protos_give() -> None:
    assert generate_stubs.differences() == []


def test_a_changed_a_missing_and_a_left_over_stub_are_each_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(generate_stubs.STUBS, tmp_path / "client")
    folder = tmp_path / "client" / "bessemer" / "v1"
    (folder / "jobs_pb2.py").write_text("changed = True\n")
    (folder / "models_pb2.pyi").unlink()
    (folder / "gone_pb2_grpc.py").write_text("")
    monkeypatch.setattr(generate_stubs, "STUBS", tmp_path / "client")
    assert generate_stubs.differences() == [
        "bessemer/v1/gone_pb2_grpc.py",
        "bessemer/v1/jobs_pb2.py",
        "bessemer/v1/models_pb2.pyi",
    ]
