"""Predictions: which model, is the request sound, in which batch, on which predictor."""
