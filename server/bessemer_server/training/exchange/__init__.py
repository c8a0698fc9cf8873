"""Published models in ONNX, which other programs run.

interfaces    names, types and shapes of what goes in and out
samples       inputs to try a model with, made from its definition alone
files         the bytes of a file
agreement     whether two ways to compute a model agree
exporting     all of them: a file that was checked against torch
"""
