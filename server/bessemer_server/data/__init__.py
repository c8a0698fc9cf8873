"""Data sets: one file per source, splits, and the preprocessing that training and prediction share."""
