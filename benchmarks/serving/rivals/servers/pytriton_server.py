"""PyTriton: Triton's own server in front of a Python function, with its dynamic batcher."""

import sys

import networks
import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def main(folder, port):
    """Serve."""
    run = networks.build(folder)

    @batch
    def infer(image):
        return [run(image)]

    config = TritonConfig(grpc_port=port, http_port=port + 1, metrics_port=port + 2, allow_metrics=False)
    with Triton(config=config) as triton:
        triton.bind(
            model_name="cnn",
            infer_func=infer,
            inputs=[Tensor(name="image", dtype=np.uint8, shape=(28, 28, 1))],
            outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(10,))],
            config=ModelConfig(max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=100)),
        )
        triton.serve()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
