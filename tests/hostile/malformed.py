"""Messages that are none, on the wire: bytes that a protobuf parser must survive."""

from __future__ import annotations

import random

from tests.hostile import subjects


def draw_malformed(draw: random.Random) -> bytes:
    """Bytes that cannot be decoded as a ModelInferRequest."""
    make = draw.choice((_draw_name, _draw_length, _draw_group, _draw_wire_type, _draw_varint))
    return make(draw)


def _draw_sound(draw: random.Random) -> bytes:
    subject = draw.choice(subjects.SUBJECTS)
    return subjects.make_request(subject.model, subject.draw(draw)).SerializeToString()


def _draw_name(draw: random.Random) -> bytes:
    """A name that is not UTF-8."""
    return _draw_sound(draw).replace(b"hostile-", b"host\xff\xfee-", 1)


def _draw_length(draw: random.Random) -> bytes:
    """A field longer than the message."""
    return _draw_sound(draw) + b"\x3a" + draw.choice((b"\x7f", b"\xff\xff\xff\x7f", b"\xff" * 9 + b"\x01"))


def _draw_group(draw: random.Random) -> bytes:
    """Groups within groups, deeper than any parser goes, or one that nobody began."""
    return _draw_sound(draw) + draw.choice((b"\x0b" * 5_000, b"\x0c"))


def _draw_wire_type(draw: random.Random) -> bytes:
    """Wire types that there are none of, and field number 0."""
    return _draw_sound(draw) + draw.choice((b"\x0e\0", b"\x0f\0", b"\x02\0", b"\0\0"))


def _draw_varint(draw: random.Random) -> bytes:
    """A number that does not end."""
    return _draw_sound(draw) + b"\xff" * draw.choice((1, 9, 11))


def draw_voracious(draw: random.Random) -> bytes:
    """A sound request, and much that is small on the wire and large in memory."""
    much = 1 << 20
    tensors = draw.choice((b"\x2a\0", b"\x32\0", b"\x3a\0")) * (much // 2)
    shape = _nest(b"\x1a", bytes(much))
    values = _nest(b"\x2a", b"\x42\0" * (much // 2))
    inputs = _nest(b"\x2a", draw.choice((shape, values, b"\x22\0" * (much // 2))))
    return _draw_sound(draw) + draw.choice((tensors, inputs, b"\x22\0" * (much // 2)))


def _nest(tag: bytes, content: bytes) -> bytes:
    """A field with this content."""
    length = len(content)
    size = bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return tag + bytes(size) + bytes([length]) + content
