"""What computes a published model's predictions. A module here is an engine; the registry finds it.

kinds            what an engine is
torch_eager      the network as it was trained
onnx_runtime     ONNX Runtime, on the CPU
cuda_graph       torch on a GPU, its kernels launched at once
choosing         the engine for a model: the fastest of those that agree with torch
"""
