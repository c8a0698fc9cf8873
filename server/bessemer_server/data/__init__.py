"""Data sets: one file per source or format, splits, and the preprocessing that training and prediction share."""
