"""Aliases of models, and models that are deleted."""

from __future__ import annotations

import asyncio

import pytest

from bessemer_server.domain import aliases, errors
from bessemer_server.domain.aliases import Alias
from bessemer_server.domain.models import Model
from bessemer_server.domain.ports import BlobStore, Store
from tests.conformance import samples

NOW = samples.at(10)


async def publish(store: Store, job_id: str, name: str = "digits", blobs: BlobStore | None = None) -> Model:
    await samples.begin(store, job_id, name=name)
    if blobs is None:
        return await store.succeed(job_id, 1, samples.empty_publication(), NOW)
    await samples.put(blobs)
    return await store.succeed(job_id, 1, samples.publication(), NOW)


async def publish_three(store: Store) -> None:
    for number in (1, 2, 3):
        await publish(store, f"job-{number}")


def champion(shares: dict[int, int]) -> Alias:
    return aliases.make("digits", "champion", shares)


async def versions(store: Store, name: str = "digits") -> list[int]:
    return [model.version for model in (await store.list_models(name, 100, "")).items]


async def test_an_alias_names_a_version_until_it_is_moved(store: Store) -> None:
    await publish_three(store)
    await store.set_alias(champion({2: 1}))
    assert (await store.get_alias("digits", "champion")).main == 2
    await store.set_alias(champion({3: 1}))
    await store.set_alias(champion({3: 1}))
    assert await store.get_alias("digits", "champion") == champion({3: 1})
    assert await store.aliases(["digits"]) == [champion({3: 1})]


async def test_an_alias_may_name_several_versions(store: Store) -> None:
    await publish_three(store)
    await store.set_alias(champion({3: 10, 1: 90}))
    found = await store.get_alias("digits", "champion")
    assert (dict(found.shares), list(found.shares)) == ({1: 90, 3: 10}, [1, 3])


async def test_aliases_are_listed_by_model_and_name(store: Store) -> None:
    await publish_three(store)
    await publish(store, "other", "wine")
    for model, name in (("wine", "b"), ("digits", "b"), ("digits", "a")):
        await store.set_alias(aliases.make(model, name, {1: 1}))
    listed = [(alias.model, alias.name) for alias in await store.aliases({"digits", "wine"})]
    assert listed == [("digits", "a"), ("digits", "b"), ("wine", "b")]
    assert await store.aliases([]) == await store.aliases(["none"]) == []


async def test_an_alias_that_is_removed_is_gone_and_again_is_no_error(store: Store) -> None:
    await publish_three(store)
    await store.set_alias(champion({2: 1}))
    for _ in range(2):
        await store.delete_alias("digits", "champion")
    with pytest.raises(errors.NotFound, match="has no alias 'champion'; there are none"):
        await store.get_alias("digits", "champion")


async def test_what_is_not_there_has_no_alias(store: Store) -> None:
    await publish_three(store)
    await store.set_alias(champion({2: 1}))
    with pytest.raises(errors.NotFound, match="has no version 4; its versions are 1 to 3"):
        await store.set_alias(champion({1: 1, 4: 1}))
    assert (await store.get_alias("digits", "champion")).main == 2
    with pytest.raises(errors.NotFound, match="has no alias 'champoin'; did you mean champion"):
        await store.get_alias("digits", "champoin")
    for ask in (
        store.set_alias(aliases.make("digit", "a", {1: 1})),
        store.get_alias("digit", "a"),
        store.delete_alias("digit", "a"),
        store.delete_model("digit", None),
    ):
        with pytest.raises(errors.NotFound, match="there is no model 'digit'; did you mean digits"):
            await ask


async def test_a_version_that_is_deleted_is_gone_and_its_number_never_comes_back(store: Store) -> None:
    await publish_three(store)
    assert await store.delete_model("digits", 3) == [3]
    assert await versions(store) == [2, 1]
    assert (await store.get_model("digits", None)).version == 2
    assert [model.version for model in (await store.list_models("", 10, "")).items] == [2]
    with pytest.raises(errors.NotFound, match="has no version 3; its versions are 1 to 2"):
        await store.get_model("digits", 3)
    with pytest.raises(errors.NotFound, match="has no version 3"):
        await store.delete_model("digits", 3)
    assert (await publish(store, "job-4")).version == 4
    with pytest.raises(errors.NotFound, match="its newest versions are 1, 2, 4"):
        await store.get_model("digits", 3)


async def test_a_model_that_is_deleted_is_gone_with_all_its_versions(store: Store) -> None:
    await publish_three(store)
    await publish(store, "other", "wine")
    assert await store.delete_model("digits", None) == [1, 2, 3]
    assert [model.name for model in (await store.list_models("", 10, "")).items] == ["wine"]
    with pytest.raises(errors.NotFound, match="there is no model 'digits'"):
        await store.get_model("digits", None)
    assert (await publish(store, "job-4")).version == 4


async def test_what_an_alias_names_is_not_deleted(store: Store) -> None:
    await publish_three(store)
    await store.set_alias(champion({2: 1, 3: 1}))
    for version in (2, 3, None):
        with pytest.raises(
            errors.FailedPrecondition, match=r"version [23] of model 'digits' has the alias"
        ) as refused:
            await store.delete_model("digits", version)
        assert refused.value.reason == "HAS_ALIAS"
    assert await store.delete_model("digits", 1) == [1]
    await store.delete_alias("digits", "champion")
    assert await store.delete_model("digits", None) == [2, 3]


async def test_only_blobs_of_deleted_versions_are_collected(store: Store, blobs: BlobStore) -> None:
    await publish(store, "job-1", blobs=blobs)
    await publish(store, "job-2", blobs=blobs)
    await store.delete_model("digits", 1)
    assert not (await store.collect_blobs("", 100, 100, samples.at(1e6))).removed
    await store.delete_model("digits", 2)
    removed = (await store.collect_blobs("", 100, 100, samples.at(1e6))).removed
    assert len(removed) == 1


async def test_a_commit_that_is_repeated_after_the_model_was_deleted_is_told(store: Store) -> None:
    await publish(store, "job-1")
    await store.delete_model("digits", 1)
    with pytest.raises(errors.NotFound, match="there is no model 'digits'"):
        await store.succeed("job-1", 1, samples.empty_publication(), NOW)


async def test_whoever_deletes_and_names_at_once_leaves_no_alias_of_nothing(store: Store) -> None:
    await publish_three(store)
    for version in (1, 2, 3):
        alias = aliases.make("digits", f"alias-{version}", {version: 1})
        done = await asyncio.gather(
            store.delete_model("digits", version), store.set_alias(alias), return_exceptions=True
        )
        assert len([each for each in done if isinstance(each, errors.DomainError)]) == 1
    left = [*await versions(store)] if await store.aliases(["digits"]) else []
    assert sorted(left) == sorted(alias.main for alias in await store.aliases(["digits"]))
