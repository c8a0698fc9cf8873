"""Frames out of a connection's bytes."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from bessemer_server.rpc.http2 import frames, framing
from bessemer_server.rpc.http2.frames import ConnectionFault
from tests.unit.rpc.http2.wires import cut

BEGIN = frames.PREFACE + frames.settings({})
PING = frames.frame(frames.PING, 0, 0, bytes(8))
DATA = st.tuples(st.binary(max_size=40), st.none() | st.integers(0, 255), st.booleans())
"""Bytes, padding, whether a ping follows."""


def read(wire: bytes, piece: int) -> list[framing.Frame]:
    reader = framing.Framing()
    return [frame for chunk in cut(wire, piece) for frame in reader.read(chunk)]


def frame(number: int, data: bytes, padding: int | None) -> bytes:
    flags = frames.END_STREAM if padding is None else frames.END_STREAM | frames.PADDED
    payload = data if padding is None else bytes([padding]) + data + b"p" * padding
    return frames.frame(frames.DATA, flags, number, payload)


@hypothesis.given(st.lists(DATA, max_size=8), st.integers(1, 60))
def test_data_comes_out_without_its_padding_and_counts_with_it_however_it_is_cut(sent, piece):
    wire = BEGIN
    for number, (data, padding, is_followed) in enumerate(sent):
        wire += frame(number, data, padding) + (PING if is_followed else b"")
    found = read(wire, piece)
    for number, (data, padding, _) in enumerate(sent):
        parts = [part for part in found if part.kind == frames.DATA and part.stream == number]
        assert b"".join(part.payload for part in parts) == data
        assert sum(part.counted for part in parts) == len(data) + (0 if padding is None else 1 + padding)
        ends = [bool(part.flags & frames.END_STREAM) for part in parts]
        assert ends == [False] * (len(parts) - 1) + [True]
    assert sum(part.kind == frames.PING for part in found) == sum(ping for _, _, ping in sent)


@pytest.mark.parametrize("piece", [1, 9, 10, 100])
@pytest.mark.parametrize(("length", "padding"), [(1, 1), (4, 4), (4, 255)])
def test_padding_beyond_the_end_of_a_frame_is_refused_by_its_first_byte(piece, length, padding):
    begun = frames.head(length, frames.DATA, frames.PADDED, 1) + bytes([padding])
    with pytest.raises(ConnectionFault, match="more padding than payload"):
        read(BEGIN + begun, piece)
