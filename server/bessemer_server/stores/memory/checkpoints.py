"""Checkpoints and pictures in memory: `domain.ports.Checkpoints`."""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Sequence

from bessemer_server.domain import errors
from bessemer_server.domain.checkpoints import Checkpoint, Manifest, Retention
from bessemer_server.domain.jobs import Time
from bessemer_server.domain.metrics import Scope
from bessemer_server.domain.pictures import Pictures
from bessemer_server.stores import rules
from bessemer_server.stores.memory.records import Records


class Checkpoints(Records):
    """Of jobs, by step and epoch."""

    async def commit_checkpoint(
        self, job_id: str, attempt: int, manifest: Manifest, keep: Retention, now: Time
    ) -> Checkpoint:
        record = self._current(job_id, attempt)
        rules.check_blobs(self._missing(manifest))
        saved = record.checkpoints.get(manifest.step)
        if saved is None or self._is_damaged(saved) or not self._is_whole(saved.manifest):
            name, data = _encode(manifest)
            self.blobs[name] = data
            saved = rules.checkpoint(record.job, attempt, manifest, now)
            record.checkpoints[manifest.step] = saved
            record.apply(rules.save_checkpoint(record.job, saved, now))
        steps = [c.manifest.step for c in record.checkpoints.values() if not self._is_damaged(c)]
        values = {
            m.step: m.value for m in record.metrics.values() if (m.scope, m.name) == (Scope.EPOCH, keep.best)
        }
        for step in keep.outdated(steps, record.job.progress.epoch_steps, values):
            del record.checkpoints[step]
        for step in [s for s, c in record.checkpoints.items() if s < max(steps) and self._is_damaged(c)]:
            del record.checkpoints[step]
        record.held.get(attempt, set()).difference_update(manifest.digests())
        record.touch(now)
        return saved

    async def latest_checkpoint(self, job_id: str) -> Checkpoint | None:
        unmarked = await self._unmarked(job_id)
        if unmarked and not self._is_whole(unmarked[-1].manifest):
            raise errors.DamagedBlob.of(_encode(unmarked[-1].manifest)[0])
        return unmarked[-1] if unmarked else None

    async def list_checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        checkpoints = self._record(job_id).checkpoints
        return [self._read(checkpoints[step]) for step in sorted(checkpoints)]

    async def record_pictures(self, job_id: str, attempt: int, pictures: Pictures, now: Time) -> None:
        record = self._current(job_id, attempt)
        record.pictures.setdefault(pictures.epoch, pictures)
        record.touch(now)

    async def picture_epochs(self, job_id: str) -> Sequence[int]:
        return sorted(self._record(job_id).pictures)

    async def get_pictures(self, job_id: str, epoch: int) -> Pictures:
        drawn = self._record(job_id).pictures
        if epoch not in drawn:
            raise rules.no_pictures(job_id, epoch, sorted(drawn))
        return drawn[epoch]

    def _read(self, checkpoint: Checkpoint) -> Checkpoint:
        if not self._is_whole(checkpoint.manifest):
            return dataclasses.replace(
                checkpoint, manifest=Manifest(0, checkpoint.manifest.step, ()), damaged=True
            )
        return dataclasses.replace(checkpoint, damaged=self._is_damaged(checkpoint))

    async def _unmarked(self, job_id: str) -> list[Checkpoint]:
        checkpoints = self._record(job_id).checkpoints
        return [checkpoints[step] for step in sorted(checkpoints) if not self._is_damaged(checkpoints[step])]

    def _is_whole(self, manifest: Manifest) -> bool:
        name, data = _encode(manifest)
        return self.blobs.get(name) == data

    def _is_damaged(self, checkpoint: Checkpoint) -> bool:
        """Whether that is known."""
        return any(digest not in self.blobs for digest in all_digests(checkpoint.manifest))


@functools.lru_cache(1000)
def _encode(manifest: Manifest) -> tuple[str, bytes]:
    """The blob of a manifest: its digest and its bytes."""
    data = manifest.encode()
    return hashlib.sha256(data).hexdigest(), data


def all_digests(manifest: Manifest) -> tuple[str, ...]:
    """All blobs of a checkpoint."""
    return _encode(manifest)[0], *manifest.digests()
