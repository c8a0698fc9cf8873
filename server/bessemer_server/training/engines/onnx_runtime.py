"""ONNX Runtime on the CPU: the model's ONNX graph, optimised for this processor.

The library is imported when the first model is built: it starts a thread, and the fork server must have none.
"""

from __future__ import annotations

import time

from bessemer_server.domain import processors
from bessemer_server.layers import graphs
from bessemer_server.training import published
from bessemer_server.training.engines import kinds
from bessemer_server.training.exchange import files, interfaces, samples

HEAVY_S = 0.02
"""A model that takes longer for one sample gets all cores: what receives its requests, few as they are, needs next to none."""


class OnnxRuntime:
    """A session, which has copies of the weights."""

    def __init__(self, model: published.Published, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A thread that spins while it waits takes the core from whoever has work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Its own arena would keep what the largest batch of this model took; without it all models share the free memory of the
        # process, at the same speed (docs/measurements.md).
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        given, answer = interfaces.of(model.definition)
        self.threads = threads
        self._input, self._outputs = given.name, [answer.name]
        self._session = onnxruntime.InferenceSession(
            files.build(model, {}), options, providers=["CPUExecutionProvider"]
        )
        # It keeps the file for a session on another provider, which there is none of: as much memory again as the weights.
        self._session._model_bytes = b""  # noqa: SLF001

    def run(self, inputs: kinds.Array) -> kinds.Array:
        """See `kinds.Engine`."""
        outputs: kinds.Array = self._session.run(self._outputs, {self._input: inputs})[0]
        return outputs


def build(model: published.Published, threads: int) -> OnnxRuntime:
    """See `kinds.Kind`."""
    try:
        engine = OnnxRuntime(model, threads)
        if processors.count() > threads and _is_heavy(engine, model):
            return OnnxRuntime(model, processors.count())
        return engine
    except graphs.NotExportable as error:
        raise kinds.CannotRun(str(error)) from error


def _is_heavy(engine: OnnxRuntime, model: published.Published) -> bool:
    sample = samples.draw(model.definition, 1)
    engine.run(sample)
    begin = time.perf_counter()
    engine.run(sample)
    return time.perf_counter() - begin > HEAVY_S


ONNX_RUNTIME = kinds.Kind("onnxruntime", build, frozenset({"cpu"}))
