"""Architectures: functions from options and a data set to a layer list. One file each; `kinds.REGISTRY` finds them."""
