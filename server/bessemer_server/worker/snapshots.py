"""Snapshots of training to and from the server's blobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from bessemer_server.domain import checkpoints
from bessemer_server.training import loop
from bessemer_server.worker import arrays, reporting


def upload(
    client: reporting.Client,
    tensors: Mapping[str, np.ndarray],
    epoch: int,
    step: int,
    state: Mapping[str, Any],
) -> checkpoints.Manifest:
    """Send the tensors that the server lacks; returns the manifest to commit or to publish."""
    entries, blobs = arrays.to_blobs(tensors)
    client.upload_missing(blobs)
    return checkpoints.Manifest(epoch, step, entries, json.dumps(state))


def download(client: reporting.Client, manifest: checkpoints.Manifest) -> loop.Snapshot:
    """The snapshot that a checkpoint holds."""
    blobs = client.download(manifest.digests())
    tensors = {
        entry.name: arrays.from_blobs(entry, [blobs[digest] for digest in entry.digests])
        for entry in manifest.tensors
    }
    return loop.Snapshot(manifest.epoch, manifest.step, tensors, json.loads(manifest.state_json))
