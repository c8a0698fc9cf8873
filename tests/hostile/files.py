"""Files that claim to be pictures."""

from __future__ import annotations

import functools
import io
import random
import struct
import zlib

from PIL import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
HEADS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"RIFF\0\0\0\0WEBPVP8 ",
    b"P6\n",
    b"%!PS",
)


def draw_faulty(draw: random.Random) -> bytes:
    """A file of which no picture can be made."""
    make = draw.choice((_draw_noise, _draw_torn, _draw_bomb, _draw_words))
    return make(draw)


def _draw_noise(draw: random.Random) -> bytes:
    return draw.choice(HEADS) + draw.randbytes(draw.choice((0, 20, 500)))


def _draw_torn(draw: random.Random) -> bytes:
    whole = _make_picture(draw.choice(("PNG", "JPEG", "WEBP")))
    return whole[: draw.randrange(len(whole) // 2)]


def _draw_words(draw: random.Random) -> bytes:
    return draw.choice((b"", b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>"))


def _draw_bomb(draw: random.Random) -> bytes:
    """A head that claims more pixels than any picture may have, and little behind it."""
    width, height = draw.choice(((20_000, 20_000), (2**31 - 1, 2**31 - 1), (100_000, 1_000), (1, 2**31 - 1)))
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return HEADS[0] + head + _chunk(b"IDAT", zlib.compress(bytes(1000))) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@functools.cache
def _make_picture(form: str) -> bytes:
    file = io.BytesIO()
    Image.radial_gradient("L").save(file, form)
    return file.getvalue()
