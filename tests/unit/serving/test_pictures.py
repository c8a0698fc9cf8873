"""Pictures that are made fit for a model take no more memory than there is for them."""

from __future__ import annotations

import dataclasses

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.tensors import Tensor
from bessemer_server.serving import pictures
from tests.unit.serving.test_requests import MODEL

SIDE = 224
PICTURE_BYTES = SIDE * SIDE * 3
MAX_ROWS = pictures.MAX_FIT_BYTES // PICTURE_BYTES


def seeing(side):
    """A model of pictures so wide and high."""
    inputs = [{"name": "image", "datatype": "UINT8", "shape": [-1, side, side, 3]}]
    return dataclasses.replace(MODEL, name="seeing", definition={**MODEL.definition, "inputs": inputs})


def dots(rows):
    """Pictures of one pixel each."""
    return {"image": Tensor("UINT8", (rows, 1, 1, 1), bytes(rows))}


def test_small_pictures_that_become_large_ones_are_refused_before_memory_is_taken_for_them():
    room = pictures.Room(0)
    with pytest.raises(errors.InvalidArgument, match=f"send at most {MAX_ROWS:,} at once"):
        pictures.fit(dots(4096), seeing(SIDE), room)
    with pytest.raises(errors.ResourceExhausted):  # so many would go, if there were room
        pictures.fit(dots(MAX_ROWS), seeing(SIDE), room)


def test_as_many_as_a_message_may_have_of_the_right_size_are_taken():
    fitted = pictures.fit(dots(4096), seeing(8))["image"]
    assert (fitted.shape, len(fitted.data)) == ((4096, 8, 8, 3), 4096 * 8 * 8 * 3)


def test_requests_share_the_room_and_give_it_back_when_they_are_done():
    room = pictures.Room(2 * PICTURE_BYTES)
    held = [pictures.fit(dots(1), seeing(SIDE), room) for _ in range(2)]
    with pytest.raises(errors.ResourceExhausted, match="wait for a prediction already") as refusal:
        pictures.fit(dots(1), seeing(SIDE), room)
    assert refusal.value.reason == "QUEUE_FULL"
    held.pop()
    held.append(pictures.fit(dots(1), seeing(SIDE), room))
    with pytest.raises(errors.ResourceExhausted):
        pictures.fit(dots(1), seeing(SIDE), room)


def test_pictures_in_the_models_own_form_take_no_room():
    given = {"image": Tensor("UINT8", (1, 2, 2, 3), bytes(12))}
    assert pictures.fit(given, seeing(2), pictures.Room(0)) == given
