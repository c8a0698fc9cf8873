"""Optimizers: one file each; `kinds.REGISTRY` finds them."""
