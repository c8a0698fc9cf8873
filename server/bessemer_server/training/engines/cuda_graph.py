"""torch on a GPU, with all kernels of a forward launched at once: what a small network takes there is their launching, one by
one.

A graph is for one size of batch, so some sizes are recorded; a batch between two of them runs in the larger one, whose rows do
not see each other. A second batch may begin before the first is done: the GPU goes from one to the other without waiting for this
process.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
from typing import Any

import numpy as np
import torch

from bessemer_server.training import pending, published
from bessemer_server.training.engines import kinds
from bessemer_server.training.exchange import interfaces

SIZES = (1, 2, 4, *range(8, 65, 8))
"""Rows of the batches that are recorded: at most a seventh of a large one computes nothing."""
REHEARSALS = 2
"""Forwards before a recording: libraries choose their kernels and take their memory in the first ones."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """The kernels of a forward, and where they leave its outputs."""

    graph: torch.cuda.CUDAGraph
    answer: torch.Tensor


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """What a batch has until its answer was taken, of memory that the GPU reads and writes by itself."""

    given: torch.Tensor
    answer: torch.Tensor
    computed: torch.cuda.Event


class CudaGraph:
    """Recordings of a model that share their memory: one runs at a time, in the order in which they begin."""

    def __init__(self, model: published.Published) -> None:
        given, _ = interfaces.of(model.definition)
        self._model = model
        dtype = getattr(torch, given.dtype)
        largest = (SIZES[-1], *given.shape)
        self._inputs = torch.zeros(largest, dtype=dtype, device=model.device)
        with torch.inference_mode(), torch.cuda.device(model.device):
            self._recordings = self._record_all()
            answer = self._recordings[SIZES[-1]].answer
        self._free = [
            # What crosses to the GPU from memory that may be swapped is copied into such memory first, by a driver in no hurry.
            Slot(
                torch.zeros(largest, dtype=dtype, pin_memory=True),
                torch.empty(answer.shape, dtype=answer.dtype, pin_memory=True),
                torch.cuda.Event(),
            )
            for _ in range(pending.AT_ONCE)
        ]

    def run(self, inputs: kinds.Array) -> kinds.Array:
        """See `kinds.Engine`."""
        return self.begin(inputs).result()

    def begin(self, inputs: kinds.Array) -> pending.Pending[kinds.Array]:
        """See `kinds.Ahead`: of a batch that is larger than any recording, only the end is not waited for."""
        starts = range(0, len(inputs), SIZES[-1])
        *before, last = [inputs[start : start + SIZES[-1]] for start in starts]
        answers = [self._replay(part).result() for part in before]
        going = self._replay(last)
        return going.then(lambda answer: np.concatenate([*answers, answer])) if answers else going

    def _replay(self, inputs: kinds.Array) -> pending.Pending[kinds.Array]:
        slot = self._free.pop()
        try:
            self._replay_in(slot, inputs)
        except BaseException:
            self._free.append(slot)
            raise
        return pending.Pending(slot.computed.query, functools.partial(self._take, slot, len(inputs)))

    @torch.inference_mode()
    def _replay_in(self, slot: Slot, inputs: kinds.Array) -> None:
        rows = len(inputs)
        recording = self._recordings[SIZES[bisect.bisect_left(SIZES, rows)]]
        self._inputs[:rows].copy_(self._pin(inputs, slot.given), non_blocking=True)
        recording.graph.replay()
        slot.answer[:rows].copy_(recording.answer[:rows], non_blocking=True)
        slot.computed.record(torch.cuda.current_stream(self._model.device))

    def _take(self, slot: Slot, rows: int) -> kinds.Array:
        slot.computed.synchronize()
        answer: kinds.Array = slot.answer.numpy()[:rows].copy()
        self._free.append(slot)
        return answer

    def _pin(self, inputs: kinds.Array, room: torch.Tensor) -> torch.Tensor:
        """The inputs where the GPU reads them by itself: they may lie there already."""
        if inputs.flags.writeable and inputs.flags.c_contiguous:
            given = torch.from_numpy(inputs)
            if given.is_pinned():
                return given
        room.numpy()[: len(inputs)] = inputs
        return room[: len(inputs)]

    def _record_all(self) -> dict[int, Recording]:
        pool = torch.cuda.graph_pool_handle()
        # The largest first: the others find room in its memory.
        return {size: self._record(self._inputs[:size], pool) for size in reversed(SIZES)}

    def _record(self, inputs: torch.Tensor, pool: Any) -> Recording:
        stream = _stream_for_recording(self._model.device)
        stream.wait_stream(torch.cuda.current_stream(self._model.device))
        with torch.cuda.stream(stream):
            for _ in range(REHEARSALS):
                self._model.forward(inputs)
        torch.cuda.current_stream(self._model.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, stream=stream):
            answer = self._model.forward(inputs)
        return Recording(graph, answer)


@functools.cache
def _stream_for_recording(device: torch.device) -> torch.cuda.Stream:
    """One for all recordings: for each stream, cuBLAS keeps memory for ever."""
    return torch.cuda.Stream(device)


def build(model: published.Published, threads: int) -> CudaGraph:
    """See `kinds.Kind`."""
    try:
        return CudaGraph(model)
    except torch.OutOfMemoryError:
        raise kinds.CannotRun("the memory of the GPU does not suffice to record it") from None
    except RuntimeError as error:  # a network that looks at what it has computed: no recording could
        raise kinds.CannotRun(f"it cannot be recorded: {str(error).partition(chr(10))[0]}") from error


CUDA_GRAPH = kinds.Kind("cudagraph", build, frozenset({"cuda"}))
