"""The learner that makes pictures: a generator and a discriminator, each with an optimizer.

Shapes: N samples, L latent numbers; images NCHW from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from bessemer_server.architectures.dcgan import DcganOptions
from bessemer_server.data import preprocessing
from bessemer_server.domain.pictures import count_that_fits
from bessemer_server.layers import lists, networks
from bessemer_server.training import randomness
from bessemer_server.training.generative import noise, pixels, sampling
from bessemer_server.training.learner import Batch, Sums
from bessemer_server.training.optimizers import updater
from bessemer_server.training.resolving import Resolved


class Player:
    """A network with its optimizer, whose learning rate is `rate` times that of the step."""

    def __init__(self, name: str, network: networks.Network, resolved: Resolved, rate: float) -> None:
        self.network = network
        self._name = name
        self._rate = rate
        self.optimizer = updater.Updater(
            resolved.optimizer, resolved.optimizer_options, dict(network.named_parameters())
        )

    def descend(self, loss: torch.Tensor, learning_rate: float) -> None:
        """Take a step that makes the loss smaller; the other player gets no gradients."""
        parameters = list(self.network.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        self.optimizer.step(learning_rate * self._rate)

    def state(self) -> dict[str, torch.Tensor]:
        """`model/<name>/<tensor>` and `optimizer/<name>/<slot>`, batch statistics among them; live."""
        return {
            **{f"model/{self._name}/{n}": tensor for n, tensor in self.network.state_dict().items()},
            **{f"optimizer/{self._name}/{n}": tensor for n, tensor in self.optimizer.state().items()},
        }

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a state, bit by bit."""
        self.network.load_state_dict(_below(state, f"model/{self._name}/"))
        self.optimizer.load_state(_below(state, f"optimizer/{self._name}/"))


class GenerativeLearner:
    """The game of two networks, by the non-saturating loss, with one-sided label smoothing.

    Sources: Goodfellow et al., "Generative Adversarial Nets", 2014; Salimans et al., "Improved Techniques for
    Training GANs", 2016.
    """

    def __init__(self, resolved: Resolved, preprocessed: Mapping[str, Any], device: torch.device) -> None:
        assert isinstance(resolved.options, DcganOptions)
        assert resolved.opponent is not None
        self._resolved = resolved
        self._seed = resolved.config.seed
        self._options = resolved.options
        self._device = device
        self._preprocessing = preprocessed
        self._preprocess = preprocessing.Preprocessor(preprocessed, device)
        self._generator = self._build_player("generator", resolved.network, 1.0)
        self._discriminator = self._build_player(
            "discriminator", resolved.opponent, self._options.discriminator_rate
        )

    def train_step(self, batch: Batch, epoch: int, step: int, learning_rate: float) -> Sums:
        """See `Learner`; first the discriminator learns, then the generator from what it has become."""
        generator, discriminator = self._generator.network.train(), self._discriminator.network.train()
        shape = (len(batch), self._options.latent)
        fakes = generator(noise.draw(shape, self._device, self._seed, "noise", epoch, step))
        self._reseed("dropout/real", epoch, step)
        on_real = discriminator(pixels.to_signed(self._preprocess(batch.inputs)))
        self._reseed("dropout/fake", epoch, step)
        discriminator_loss = self._judge(on_real, discriminator(fakes.detach()))
        self._discriminator.descend(discriminator_loss, learning_rate)
        self._reseed("dropout/generator", epoch, step)
        generator_loss = _bce(discriminator(fakes), 1.0)
        self._generator.descend(generator_loss, learning_rate)
        return _sums(generator_loss, discriminator_loss, len(batch))

    @torch.inference_mode()
    def evaluate(self, batch: Batch) -> Sums:
        """See `Learner`; pictures come from the same noise each time."""
        generator, discriminator = self._generator.network.eval(), self._discriminator.network.eval()
        shape = (len(batch), self._options.latent)
        on_fakes = discriminator(generator(noise.draw(shape, self._device, self._seed, "evaluation")))
        on_real = discriminator(pixels.to_signed(self._preprocess(batch.inputs)))
        return _sums(_bce(on_fakes, 1.0), self._judge(on_real, on_fakes), len(batch))

    def take_scores(self) -> dict[str, float]:
        """See `Learner`: none."""
        return {}

    def draw(self, epoch: int, *, is_last: bool) -> npt.NDArray[np.uint8] | None:
        """See `Drawing`."""
        every = self._options.sample_every
        if not every or (epoch % every and not is_last):
            return None
        count = count_that_fits(self._options.sample_count, self._resolved.info.shape)
        latent = noise.draw((count, self._options.latent), self._device, self._seed, "pictures")
        with torch.inference_mode():
            signed = self._generator.network.eval()(latent)
        return pixels.to_pixels(signed, self._preprocessing["scale"]).cpu().numpy()

    def weights(self) -> dict[str, torch.Tensor]:
        """See `Learner`: the generator's."""
        return dict(self._generator.network.state_dict())

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """See `Learner`."""
        self._generator.network.load_state_dict(weights)

    def state(self) -> dict[str, torch.Tensor]:
        """See `Learner` and `Player.state`."""
        return self._generator.state() | self._discriminator.state()

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Learner`."""
        self._generator.load_state(state)
        self._discriminator.load_state(state)

    def definition(self) -> dict[str, Any]:
        """See `Learner`."""
        return {
            "kind": "generator",
            "layers": lists.to_json(self._resolved.network.layers),
            "preprocessing": dict(self._preprocessing),
            "input_shape": [self._options.latent],
            **sampling.signature(self._resolved.info),
        }

    def _build_player(self, name: str, network: networks.Network, rate: float) -> Player:
        networks.initialise(network, lambda layer: randomness.generator(self._seed, f"init/{name}", layer))
        return Player(name, networks.place(network, self._device), self._resolved, rate)

    def _reseed(self, purpose: str, epoch: int, step: int) -> None:
        self._discriminator.network.reseed(
            lambda layer: randomness.key(self._seed, purpose, epoch, step, layer)
        )

    def _judge(self, on_real: torch.Tensor, on_fakes: torch.Tensor) -> torch.Tensor:
        return _bce(on_real, 1 - self._options.label_smoothing) + _bce(on_fakes, 0.0)


def _bce(logits: torch.Tensor, target: float) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _sums(generator_loss: torch.Tensor, discriminator_loss: torch.Tensor, samples: int) -> Sums:
    return {
        "generator_loss": generator_loss.detach().double() * samples,
        "discriminator_loss": discriminator_loss.detach().double() * samples,
    }


def _below(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {n.removeprefix(prefix): tensor for n, tensor in tensors.items() if n.startswith(prefix)}
