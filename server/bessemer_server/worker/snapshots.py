"""Snapshots of training to and from the server's blobs."""

from __future__ import annotations

import json
from collections.abc import Callable

from bessemer_server.domain import checkpoints, failpoints
from bessemer_server.training import loop
from bessemer_server.worker import arrays, reporting

UPLOAD_TRIES = 5
"""A blob that the server has may be found damaged by somebody else before it is referred to; hardly so often."""


def deliver(
    client: reporting.Client,
    snapshot: loop.Snapshot,
    commit: Callable[[checkpoints.Manifest], None],
    digester: arrays.Digester,
) -> None:
    """Send the tensors that the server lacks, then `commit` the manifest. Raises `reporting.Missing`."""
    entries, blobs = digester.digest(snapshot.tensors)
    manifest = checkpoints.Manifest(snapshot.epoch, snapshot.step, entries, json.dumps(snapshot.state))
    for tries_left in reversed(range(UPLOAD_TRIES)):
        failpoints.hit("trainer.before_upload")
        client.upload_missing(blobs)
        failpoints.hit("trainer.after_upload")
        try:
            commit(manifest)
            return
        except reporting.Missing:
            if not tries_left:
                raise


def download(client: reporting.Client, manifest: checkpoints.Manifest) -> loop.Snapshot:
    """The snapshot that a checkpoint holds."""
    blobs = client.download(manifest.digests())
    tensors = {
        entry.name: arrays.from_blobs(entry, [blobs[digest] for digest in entry.digests])
        for entry in manifest.tensors
    }
    return loop.Snapshot(manifest.epoch, manifest.step, tensors, json.loads(manifest.state_json))
