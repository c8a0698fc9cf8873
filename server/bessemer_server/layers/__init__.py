"""Layers, and networks made of lists of them.

A layer list is data: `[{"conv2d": {"filters": 32, "kernel": 3}}, "flatten", {"dense": {"units": 10}}]`.
`lists` checks it, `networks` makes a `torch.nn.Module` of it. `options`, `windows` and `initialisers` are
shared; each other file is one group of layers, and `kinds.REGISTRY` finds them.

Shapes are without batch and channels-last, as users see them; torch inside works on NCHW.
"""
