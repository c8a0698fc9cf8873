"""Architectures: functions from options and a data set to a layer list, one file each."""
