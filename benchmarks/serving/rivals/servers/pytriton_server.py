"""PyTriton: Triton's own server in front of a Python function, with its dynamic batcher."""

import sys

import networks
import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def main(folder, port):
    """Serve."""
    workload = networks.Workload(folder)
    run = workload.build()

    @batch
    def infer(**inputs):
        return [run(inputs[workload.input])]

    config = TritonConfig(grpc_port=port, http_port=port + 1, metrics_port=port + 2, allow_metrics=False)
    with Triton(config=config) as triton:
        triton.bind(
            model_name=workload.name,
            infer_func=infer,
            inputs=[Tensor(name=workload.input, dtype=workload.dtype, shape=workload.shape)],
            outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(workload.outputs,))],
            config=ModelConfig(max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=100)),
        )
        triton.serve()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
