"""What every blob store keeps to."""

from __future__ import annotations

import hashlib
import random

import pytest
import sqlalchemy as sa

from bessemer_server.domain import errors
from bessemer_server.domain.ports import BlobStore
from bessemer_server.stores.sql import tables
from bessemer_server.stores.sql.store import SqlStore
from tests.conformance import samples
from tests.fix_database import Stores


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_bytes_come_back_as_they_were_put(blobs: BlobStore) -> None:
    contents = [b"", b"\x00", bytes(range(256)) * 8192, b"text"]
    await samples.put(blobs, *contents)
    assert [await blobs.get(digest(data)) for data in contents] == contents


async def test_missing_names_each_absent_blob_once_and_in_the_order_asked(blobs: BlobStore) -> None:
    await samples.put(blobs, b"here")
    b, a, here = digest(b"b"), digest(b"a"), digest(b"here")
    assert await blobs.missing(iter([b, here, a, b, a])) == [b, a]
    assert await blobs.missing([here]) == []
    assert await blobs.missing([]) == []


async def test_thousands_of_digests_can_be_asked_for_at_once(blobs: BlobStore) -> None:
    await samples.put(blobs, b"here")
    absent = [digest(str(n).encode()) for n in range(40_000)]
    assert await blobs.missing([*absent, digest(b"here")]) == absent


async def test_put_again_changes_nothing(blobs: BlobStore) -> None:
    await samples.put(blobs, b"one")
    await samples.put(blobs, b"one", b"two")
    assert await blobs.get(digest(b"one")) == b"one"
    assert await blobs.get(digest(b"two")) == b"two"


async def test_more_bytes_than_one_write_holds_are_all_stored(blobs: BlobStore) -> None:
    contents = [bytes([n]) * 2**20 for n in range(20)]
    await samples.put(blobs, *contents)
    assert await blobs.missing(digest(data) for data in contents) == []


async def test_put_refuses_bytes_that_have_another_digest_and_says_which(blobs: BlobStore) -> None:
    with pytest.raises(errors.InvalidArgument, match=digest(b"wrong")) as caught:
        await blobs.put({digest(b"right"): b"wrong", digest(b"good"): b"good"})
    assert [violation.field for violation in caught.value.violations] == ["blob.digest"]
    assert await blobs.missing([digest(b"right"), digest(b"good")]) == [digest(b"right"), digest(b"good")]


async def test_get_of_an_absent_blob_names_it(blobs: BlobStore) -> None:
    with pytest.raises(errors.NotFound, match=digest(b"absent")):
        await blobs.get(digest(b"absent"))


async def test_get_refuses_bytes_that_no_longer_match_their_digest(stores: Stores) -> None:
    await samples.put(stores.blobs, b"sound")
    await corrupt(stores, digest(b"sound"))
    with pytest.raises(errors.DataLoss, match=digest(b"sound")):
        await stores.blobs.get(digest(b"sound"))


async def corrupt(stores: Stores, name: str) -> None:
    """Change a byte behind the blob store's back."""
    await overwrite(stores, name, b"sounD")


async def overwrite(stores: Stores, name: str, data: bytes) -> None:
    """Put other bytes in the place of a blob's."""
    if isinstance(stores.store, SqlStore):
        statement = sa.update(tables.blobs).where(tables.blobs.c.digest == name).values(data=data)
        await stores.store.database.write("test", lambda connection: connection.execute(statement))
    else:
        stores.store.blobs[name] = data  # type: ignore[attr-defined]


async def test_one_flipped_bit_anywhere_is_noticed_every_time(stores: Stores) -> None:
    draw = random.Random(7)
    for _ in range(200):
        data = bytearray(draw.randbytes(draw.choice([1, 7, 1000, 100_000])))
        name = digest(bytes(data))
        await samples.put(stores.blobs, bytes(data))
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        await overwrite(stores, name, bytes(data))
        with pytest.raises(errors.DataLoss, match=name):
            await stores.blobs.get(name)
