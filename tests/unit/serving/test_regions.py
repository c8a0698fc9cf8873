"""Regions of shared memory by name; memory is a list of bytes here."""

import pytest

from bessemer_server.domain import errors
from bessemer_server.serving import regions
from bessemer_server.serving.places import Place


class Bytes:
    """Memory as an object of shared memory behaves: reads end where it ends, writes would make it longer."""

    def __init__(self, content):
        self.content = bytearray(content)

    @property
    def size_bytes(self):
        return len(self.content)

    def read(self, offset, count):
        return bytes(self.content[offset : offset + count])

    def write(self, offset, pieces):
        for piece in pieces:
            self.content[offset : offset + len(piece)] = piece
            offset += len(piece)


@pytest.fixture
def objects():
    return {"letters": Bytes(b"abcdefghij"), "empty": Bytes(b"")}


@pytest.fixture
def registry(objects):
    return regions.Registry(objects.__getitem__)


def test_a_tensor_has_the_bytes_that_it_names_and_no_others(registry, objects):
    registry.register("r", "letters", 2, 6)
    assert registry.find(Place("r", 0, 6)).read() == b"cdefgh"
    span = registry.find(Place("r", 1, 3))
    assert span.read() == b"def"
    span.write([b"X", b"Y"], 2)
    assert objects["letters"].content == b"abcXYfghij"


@pytest.mark.parametrize(
    ("offset", "byte_size", "text"),
    [
        (6, 1, "Invalid offset for shared memory region: 'r'"),
        (-1, 1, "Invalid offset for"),
        (-(2**63), 1, "Invalid offset for"),
        (2**63 - 1, 2**63 - 1, "Invalid offset for"),
        (0, 7, r"Invalid offset \+ byte size"),
        (5, 2, r"Invalid offset \+ byte size"),
        (1, 2**63 - 1, r"Invalid offset \+ byte size"),
        (0, -1, r"Invalid offset \+ byte size"),
    ],
)
def test_what_lies_outside_of_the_region_is_refused(registry, offset, byte_size, text):
    registry.register("r", "letters", 2, 6)
    with pytest.raises(errors.InvalidArgument, match=text):
        registry.find(Place("r", offset, byte_size))


def test_an_unknown_region_is_told_with_those_that_there_are(registry):
    with pytest.raises(errors.NotFound, match="Unable to find shared memory region: 'r'; none is registered"):
        registry.find(Place("r", 0, 1))
    for n in range(15):
        registry.register(f"region-{n:02}", "letters", 0, 10)
    with pytest.raises(errors.NotFound, match=r"registered are region-00, .*, region-11 and 3 more"):
        registry.find(Place("r", 0, 1))
    with pytest.raises(errors.NotFound, match="Unable to find system shared memory region: 'r'"):
        registry.list_regions("r")


@pytest.mark.parametrize(
    ("offset", "byte_size"),
    [(0, 11), (10, 1), (5, 6), (2**64 - 1, 2**64 - 1), (2**63, 1), (1, 2**36)],
)
def test_a_region_that_its_object_does_not_have_is_refused(registry, offset, byte_size):
    with pytest.raises((errors.InvalidArgument, errors.ResourceExhausted)):
        registry.register("r", "letters", offset, byte_size)
    assert registry.list_regions("") == []


def test_a_region_has_a_name_of_its_own_and_a_size(registry):
    registry.register("r", "letters", 0, 10)
    with pytest.raises(errors.AlreadyExists, match="'r' already in manager"):
        registry.register("r", "nowhere", 0, 5)
    for name, byte_size in (("", 1), ("n" * 257, 1), ("s", 0)):
        with pytest.raises(errors.InvalidArgument):
            registry.register(name, "letters", 0, byte_size)


def test_regions_are_bounded_in_number_and_bytes(registry, objects, monkeypatch):
    for n in range(regions.MAX_REGIONS):
        registry.register(str(n), "letters", 0, 10)
    with pytest.raises(errors.ResourceExhausted, match="256 shared memory regions already"):
        registry.register("one more", "letters", 0, 10)
    registry.unregister("")
    monkeypatch.setattr(regions, "MAX_BYTES", 15)
    registry.register("r", "letters", 0, 10)
    with pytest.raises(errors.ResourceExhausted, match="10 are taken"):
        registry.register("s", "letters", 0, 6)
    registry.register("s", "letters", 0, 5)


def test_one_or_all_regions_are_listed_and_forgotten(registry):
    for name in ("a", "b", "c"):
        registry.register(name, "letters", 1, 2)
    (one,) = registry.list_regions("b")
    assert (one.name, one.key, one.offset, one.byte_size) == ("b", "letters", 1, 2)
    registry.unregister("b")
    registry.unregister("b")  # nothing happens for one that is not there
    assert [region.name for region in registry.list_regions("")] == ["a", "c"]
    registry.unregister("")
    assert registry.list_regions("") == []


def test_a_request_that_was_accepted_keeps_its_memory_when_the_region_is_forgotten(registry):
    registry.register("r", "letters", 0, 10)
    span = registry.find(Place("r", 0, 3))
    registry.unregister("r")
    assert span.read() == b"abc"


def test_an_object_that_was_cut_is_neither_read_short_nor_made_longer(registry, objects):
    registry.register("r", "letters", 0, 10)
    span = registry.find(Place("r", 4, 6))
    del objects["letters"].content[8:]
    with pytest.raises(errors.InvalidArgument, match="'letters' has 8 bytes, but byte 10 is needed"):
        span.read()
    with pytest.raises(errors.InvalidArgument, match="has become shorter"):
        span.write([b"UVWXYZ"], 6)
    assert objects["letters"].content == b"abcdefgh"
    span.write([b"UVWX"], 4)  # what is there may be used
    assert objects["letters"].content == b"abcdUVWX"
