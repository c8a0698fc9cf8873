"""Frames between the server and its helpers."""

from hypothesis import given
from hypothesis import strategies as st

from bessemer_server.domain.tensors import ITEM_BYTES, Tensor, join, pack_elements, size_bytes, split
from bessemer_server.worker import frames


@st.composite
def tensors(draw):
    datatype = draw(st.sampled_from([*sorted(ITEM_BYTES), "BYTES"]))
    if datatype == "BYTES":
        elements = draw(st.lists(st.binary(max_size=5), max_size=4))
        return Tensor(datatype, (len(elements),), pack_elements(elements))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    size = size_bytes(datatype, shape)
    return Tensor(datatype, shape, draw(st.binary(min_size=size, max_size=size)))


@given(st.dictionaries(st.text(max_size=8), tensors(), max_size=4), st.dictionaries(st.text(), st.integers()))
def test_what_is_encoded_is_decoded(body, arguments):
    frame = b"".join(frames.encode({"id": 7, "arguments": arguments}, body))
    head_bytes, body_bytes = frames.PREFIX.unpack(frame[: frames.PREFIX.size])
    start = frames.PREFIX.size + head_bytes
    assert len(frame) == start + body_bytes
    header, found = frames.decode(frame[frames.PREFIX.size : start], frame[start:])
    assert header == {"id": 7, "arguments": arguments}
    assert {name: (t.datatype, t.shape, bytes(t.data)) for name, t in found.items()} == {
        name: (t.datatype, t.shape, t.data) for name, t in body.items()
    }


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.data())
def test_split_undoes_join(rows, data):
    parts = [
        Tensor("FP32", (count, 2), data.draw(st.binary(min_size=8 * count, max_size=8 * count)))
        for count in rows
    ]
    found = split(join(parts), rows)
    assert [(t.shape, bytes(t.data)) for t in found] == [(t.shape, t.data) for t in parts]
