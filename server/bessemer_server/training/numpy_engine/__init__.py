"""Fully connected networks in NumPy alone: forward, backward and updates, with no automatic differentiation.

network → layers → activations     forward and backward through all parameters in one flat array
losses, updates                    what is minimised, and how
learner                            the border to the training loop, where tensors become arrays without a copy

Shapes: N samples, I inputs and O outputs of a layer, K classes, P parameters.
"""
