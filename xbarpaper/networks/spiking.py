"""Spiking networks: leaky integrate-and-fire neurons in the graph of a VGG, trained through time or converted.

At each time step a layer's current I charges the membrane of its neurons, u <- leak u + I. Where u / threshold - 1 > 0
a spike leaves, and u falls by the threshold. The classifier's outputs add up over the steps. Neuron, surrogate gradient
and codes are those of the group that wrote arXiv 2206.09599 (their BNTT, arXiv 2010.01729, and Rate-vs-Direct, arXiv
2202.03133). Two things are simpler here. A norm is one for all steps, its statistics taken over all of them together.
The 2 x 2 average pooling comes before norm and neuron, so that every input of a crossbar is a spike.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from xbarpaper.networks.network import IMAGES, Network
from xbarpaper.networks.vgg import Vgg, Vgg11, Vgg16
from xbarpaper.params import Coding
from xbarpaper.support.errors import ArtifactError

POISSON_MEAN: Final = 0.5
"""Mean of a pixel's Poisson spikes over the pixel, up to |x| = 2."""


class _Spike(torch.autograd.Function):
    """1 where x > 0; its gradient is taken to be 0.3 max(0, 1 - |x|)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]
        return gradient * 0.3 * (1 - x.abs()).clamp(min=0)


@dataclass(frozen=True)
class Neuron:
    """A leaky integrate-and-fire neuron."""

    leak: float  # what a step leaves of the membrane, above 0 and at most 1
    threshold: float  # above 0; a spike leaves above it, and takes it away
    # of the membrane, relative to the threshold. Half of it rounds a rate without bias (Bu et al., arXiv
    # 2303.04347)
    start: float = 0.0

    def step(self, membrane: Tensor | float, current: Tensor) -> tuple[Tensor, Tensor]:
        """Spikes (0 or 1) and the membrane after the reset, which passes no gradient."""
        charged = self.leak * membrane + current
        spikes: Tensor = _Spike.apply(charged / self.threshold - 1)  # type: ignore[no-untyped-call]
        return spikes, charged - self.threshold * spikes.detach()

    def spikes(self, currents: Tensor) -> Tensor:
        """Spikes of all time steps, shape as ``currents``: (steps, ...)."""
        membrane: Tensor | float = self.start * self.threshold
        fired = []
        for current in currents.float():
            spikes, membrane = self.step(membrane, current)
            fired.append(spikes)
        return torch.stack(fired)


def poisson_spikes(images: Tensor, steps: int) -> Tensor:
    """Signed spikes: at each step a normalised pixel x spikes with the chance min(|x| / 2, 1), with its own sign.

    The images seed the draws, so that the same batch spikes alike in every network, and a resumed training goes on alike.

    Args:
        images: shape (n, channels, h, w), float32.

    Returns:
        -1, 0 or 1, shape (steps, n, channels, h, w).
    """
    bits = images.detach().cpu().contiguous().view(torch.int32).sum(dtype=torch.int64)
    generator = torch.Generator().manual_seed(int(bits) & (2**63 - 1))
    drawn = torch.rand((steps, *images.shape), generator=generator).to(images)
    return (drawn <= POISSON_MEAN * images.abs()) * images.sign()


@dataclass(frozen=True)
class Activity:
    """What a spiking network did with a batch."""

    outputs: Tensor  # of the classifier, added up to each step, shape (steps, n, classes)
    # mean number of spikes of a neuron in each step by group of channels, shape (steps,) each; under Poisson
    # coding those of the images too
    rates: dict[str, Tensor]


class SpikingVgg(Vgg):
    """A VGG of spiking neurons with average pooling. ``spiking`` makes one."""

    neuron: Neuron | None = None  # of all layers; None has ReLU in its place, as a network to convert has
    steps: int = 1  # time steps of a forward pass
    # ``direct`` shows the image itself to the first layer, ``poisson`` its random spikes
    coding: Coding = "direct"

    def current(self, number: int, inputs: Tensor) -> Tensor:
        """Current of a convolution's neurons: convolved, pooled, normalised; inputs of shape (n, channels, h, w)."""
        block = self.blocks[number]
        found: Tensor = block.convolution(inputs)  # type: ignore[operator]
        found = block.normalisation(nn.functional.avg_pool2d(found, 2) if block.pooled else found)  # type: ignore[operator]
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of normalised images (n, 3, 32, 32): the mean of the outputs over all steps."""
        if self.neuron is None:
            for number in range(len(self.blocks)):
                images = nn.functional.relu(self.current(number, images))
            logits: Tensor = self.classifier(images.flatten(1))
            return logits
        return through_time([self] * self.steps, images).outputs[-1] / self.steps


class _SpikingVgg11(SpikingVgg, Vgg11): ...


class _SpikingVgg16(SpikingVgg, Vgg16): ...


_SPIKING: Final[dict[str, type[SpikingVgg]]] = {one.name: one for one in (_SpikingVgg11, _SpikingVgg16)}


def spiking(network: Network, neuron: Neuron | None, steps: int = 1, coding: Coding = "direct") -> SpikingVgg:
    """A copy of a VGG, weights and norms, with other neurons; see ``SpikingVgg``.

    Raises:
        ArtifactError: the network is no VGG.
    """
    if network.name not in _SPIKING:
        raise ArtifactError(f"{network.name} cannot spike: allowed are {', '.join(_SPIKING)}")
    copied = _SPIKING[network.name](network.architecture)
    copied.load_state_dict(network.state_dict())
    copied.neuron, copied.steps, copied.coding = neuron, steps, coding
    return copied


def through_time(networks: Sequence[SpikingVgg], images: Tensor) -> Activity:
    """Run a spiking network over as many steps as are given, each with weights of its own.

    Under direct coding the image stays the same, so the first layer is read once, at the first step, and its current
    serves at every step.

    Args:
        networks: the same network as each step reads it; neuron and coding are those of the first.
        images: normalised, shape (n, 3, 32, 32).
    """
    first, steps, rates = networks[0], len(networks), {}
    if first.neuron is None:
        raise ValueError("a network with ReLU has no time steps")
    if first.coding == "direct":
        currents = first.current(0, images).expand(steps, *[-1] * images.dim())
    else:
        spikes = poisson_spikes(images, steps)
        rates[IMAGES] = _rate(spikes)
        currents = _currents(networks, 0, spikes)
    for number, layer in enumerate(first.layers[:-1]):
        if number:
            currents = _currents(networks, number, spikes)
        spikes = first.neuron.spikes(currents)
        rates[layer.writes] = _rate(spikes)
    own = zip(networks, spikes, strict=True)
    outputs = torch.stack([network.classifier(fired.flatten(1)) for network, fired in own])
    return Activity(outputs.cumsum(0), rates)


def _currents(networks: Sequence[SpikingVgg], number: int, spikes: Tensor) -> Tensor:
    """Currents of a layer in all steps; in one pass where all steps have the same weights, so that they share a norm."""
    if all(network is networks[0] for network in networks):
        together = networks[0].current(number, spikes.flatten(0, 1))
        return together.reshape(*spikes.shape[:2], *together.shape[1:])
    return torch.stack([network.current(number, own) for network, own in zip(networks, spikes, strict=True)])


def _rate(spikes: Tensor) -> Tensor:
    return spikes.detach().abs().flatten(1).mean(1)


def balance(network: SpikingVgg, images: Tensor, quantile: float, coding: Coding) -> SpikingVgg:
    """Scale a network with ReLU so that its activations are spike rates (threshold balancing, Diehl et al., IJCNN 2015).

    A quantile of a layer's activations becomes one spike in each step; activations above it saturate.

    Args:
        network: with ReLU and average pooling, in evaluation mode.
        images: normalised training images that the activations are taken from, shape (n, 3, 32, 32).
        quantile: of a layer's activations, above 0 and at most 1.

    Returns:
        A copy whose norms and classifier are scaled for inputs between 0 and 1.
    """
    balanced = copy.deepcopy(network).eval()
    before = 1.0 if coding == "direct" else 1 / POISSON_MEAN
    features = images
    with torch.no_grad():
        for number, norm in enumerate(balanced.norms().values()):
            features = nn.functional.relu(network.current(number, features))
            # A layer without activations stays silent.
            scale = float(np.quantile(features.cpu().numpy(), quantile)) or 1.0
            mean, variance = _statistics(norm)
            # What comes in is smaller by the scale before. So is the small constant in the root, exactly.
            variance.copy_((variance + norm.eps) / before**2 - norm.eps)
            mean.div_(before)
            norm.weight.div_(scale)
            norm.bias.div_(scale)
            before = scale
        balanced.classifier.weight.mul_(before)
    return balanced


def fold(network: SpikingVgg) -> SpikingVgg:
    """A copy with its norms folded into the weights; their shifts stay in the norms, which are digital."""
    folded = copy.deepcopy(network).eval()
    with torch.no_grad():
        for name, norm in folded.norms().items():
            mean, variance = _statistics(norm)
            factor = norm.weight / (variance + norm.eps).sqrt()
            folded.weights()[name].mul_(factor[:, None, None, None])
            norm.bias.sub_(mean * factor)
            norm.weight.fill_(1.0)
            mean.zero_()
            variance.fill_(1.0 - norm.eps)
    return folded


def _statistics(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Running mean and variance, to be changed in place."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a norm without statistics cannot be balanced or folded")
    return norm.running_mean, norm.running_var
