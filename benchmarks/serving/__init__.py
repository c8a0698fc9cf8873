"""Predictions under load, beside rivals and floors, in one run on one machine."""
