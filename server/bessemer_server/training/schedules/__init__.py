"""Schedules of the learning rate: one file each; `kinds.REGISTRY` finds them."""
