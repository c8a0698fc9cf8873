"""The Open Inference Protocol: a file for each group of its calls."""
