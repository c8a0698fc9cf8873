"""The curves of activation functions are those that the layers compute."""

import numpy as np
import pytest
import torch

from bessemer import activations, errors

TORCH = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(torch.stack([x, torch.zeros_like(x)]), dim=0)[0],
    "leaky_relu": lambda x: torch.nn.functional.leaky_relu(x, 0.3),
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
}


@pytest.mark.parametrize("name", activations.FUNCTIONS)
def test_a_curve_is_the_function_of_that_name(name):
    ((xs, ys),) = activations.compute([name], 5.0).values()
    assert ys == pytest.approx(TORCH[name](torch.tensor(xs)).numpy(), abs=1e-12)
    assert (xs[0], xs[-1], len(xs)) == (-5.0, 5.0, activations.SAMPLES)
    assert np.isfinite(ys).all()


@pytest.mark.parametrize(("names", "limit"), [(["rleu"], 5), (["relu"], 0), (["relu"], 1e9)])
def test_what_cannot_be_plotted_is_refused(names, limit):
    with pytest.raises(errors.InvalidArgument):
        activations.plot_activations(names=names, limit=limit)
