"""Who needs which blobs, in memory: `domain.ports.Holds`."""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from bessemer_server.domain.checkpoints import Checkpoint
from bessemer_server.domain.holders import Holder, Sweep
from bessemer_server.domain.jobs import Time
from bessemer_server.stores import rules
from bessemer_server.stores.memory.checkpoints import Checkpoints, all_digests


class Holds(Checkpoints):
    """Holders, what is collected, and what is damaged."""

    async def hold_blobs(self, holder: Holder, digests: Iterable[str], now: Time) -> Sequence[str]:
        wanted = list(dict.fromkeys(digests))
        if holder.expire_time is None:
            held = self._current(holder.id, holder.attempt).held.setdefault(holder.attempt, set())
        else:
            _, held = self._uploads.setdefault(holder.id, (holder.expire_time, set()))
        held.update(wanted)
        return [digest for digest in wanted if digest not in self.blobs]

    async def release_blobs(self, holder: Holder) -> None:
        self._uploads.pop(holder.id, None)

    async def collect_blobs(self, after: str, look: int, take: int, now: Time) -> Sweep:
        window = sorted(digest for digest in self.blobs if digest > after)[:look]
        needed = self._needed(now)
        removed = tuple([digest for digest in window if digest not in needed][:take])
        for digest in removed:
            del self.blobs[digest]
        if len(removed) == take:
            return Sweep(removed[-1], removed)
        return Sweep(window[-1] if len(window) == look else "", removed)

    async def mark_damaged(self, digest: str, now: Time) -> Sequence[str]:
        if digest in self.blobs and hashlib.sha256(self.blobs[digest]).hexdigest() == digest:
            return []
        before = {job.id: await self._unmarked(job.id) for job in self._jobs()}
        self.blobs.pop(digest, None)
        return [id for id in before if await self._tell(id, before[id], digest, now)]

    async def _tell(self, job_id: str, before: list[Checkpoint], digest: str, now: Time) -> bool:
        record, unmarked = self._record(job_id), await self._unmarked(job_id)
        lost = [c for c in before if c not in unmarked]
        sound = [c for c in unmarked if self._is_whole(c.manifest)]
        if record.job.state.is_terminal or not lost:
            return False
        record.apply(rules.damage(record.job, lost, sound[-1] if sound else None, digest, now))
        return True

    def _needed(self, now: Time) -> set[str]:
        """Digests of the blobs that something refers to, or somebody holds."""
        needed: set[str] = set()
        for record in self._records.values():
            for checkpoint in record.checkpoints.values():
                needed.update(all_digests(checkpoint.manifest))
            if record.job.state.is_active:
                needed.update(record.held.get(record.job.attempt, ()))
        for model in (model for versions in self._models.values() for model in versions.values()):
            needed.update(model.weights.digests())
        for dataset in self._datasets.values():
            needed.update(dataset.content.digests())
        for expire_time, held in self._uploads.values():
            if expire_time > now:
                needed |= held
        return needed
