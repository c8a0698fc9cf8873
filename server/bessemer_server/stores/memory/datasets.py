"""Uploaded data sets in memory: `domain.ports.Datasets`."""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

from collections.abc import Sequence

from bessemer_server.domain.datasets import Content, Dataset
from bessemer_server.domain.jobs import Time
from bessemer_server.stores import dataset_rules, rules
from bessemer_server.stores.memory.records import Records, age


class Datasets(Records):
    """By name."""

    async def create_dataset(self, content: Content, now: Time) -> Dataset:
        if found := self._datasets.get(content.name):
            return dataset_rules.check_same(found, content)
        rules.check_blobs([digest for digest in content.digests() if digest not in self.blobs])
        self._datasets[content.name] = made = Dataset(content, content.digest, now)
        return made

    async def find_dataset(self, *, name: str = "", digest: str = "") -> Dataset | None:
        return next(
            (
                d
                for d in self._datasets.values()
                if name in ("", d.name) and digest in ("", d.digest) and (name or digest)
            ),
            None,
        )

    async def list_datasets(self) -> Sequence[Dataset]:
        return [self._datasets[name] for name in sorted(self._datasets)]

    async def delete_dataset(self, name: str) -> None:
        if name not in self._datasets:
            raise dataset_rules.unknown_dataset(name, self._datasets)
        digest = self._datasets[name].digest
        dataset_rules.check_unused(
            name,
            [
                j
                for j in sorted(self._jobs(), key=age)
                if digest in (j.dataset_digest, j.validation_digest) and not j.state.is_terminal
            ],
        )
        del self._datasets[name]
