"""Metrics beside loss and accuracy: one file for each group. They are measured on all samples of an epoch at once."""
