"""Adversarial attacks within a ball of the maximum norm: FGSM and PGD by gradients, Square without any.

All of them take pixels between 0 and 1, before normalisation, and are untargeted. An attacker who does not know the very
network gives several: the gradient is that of the mean loss over them, so that what differs from one to the next does
not hide it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from xbarpaper.data import ImageSet

_FIRST_SHARE: Final = 0.8  # of the pixels that a square covers
_HALVED_AFTER: Final = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries


class OfPixels(nn.Module):
    """A network of normalised images as one of pixels between 0 and 1, on its device; it is not trained.

    Args:
        network: in evaluation mode; the gradients of its parameters are switched off.
        images: whose mean and standard deviation normalise.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, images: ImageSet) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        device = next(network.parameters()).device
        for name, values in (("mean", images.mean), ("std", images.std)):
            self.register_buffer(name, torch.tensor(values, device=device).view(3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (n, classes) of pixels (n, 3, height, width)."""
        logits: Tensor = self.network((pixels - self.mean) / self.std)
        return logits


def fgsm(networks: Sequence[nn.Module], pixels: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """The fast gradient sign method: one step as far as the ball reaches (Goodfellow et al., arXiv 1412.6572)."""
    return _step(networks, pixels, labels, pixels, epsilon, epsilon)


def pgd(
    networks: Sequence[nn.Module],
    pixels: Tensor,
    labels: Tensor,
    epsilon: float,
    *,
    step: float,
    steps: int,
    generator: torch.Generator,
) -> Tensor:
    """Projected gradient descent from a random point of the ball (Madry et al., arXiv 1706.06083).

    Args:
        epsilon: radius of the ball.
        step: along the sign of the gradient, which is taken anew at each.
        generator: of the starting points, on the CPU.
    """
    start = torch.rand(pixels.shape, generator=generator, dtype=pixels.dtype).to(pixels.device)
    reached = _projected(pixels + epsilon * (2 * start - 1), pixels, epsilon)
    for _ in range(steps):
        reached = _step(networks, reached, labels, pixels, step, epsilon)
    return reached


def square(
    network: nn.Module,
    pixels: Tensor,
    labels: Tensor,
    epsilon: float,
    *,
    queries: int,
    generator: torch.Generator,
) -> Tensor:
    """The Square attack: a random search by the network's answers alone (Andriushchenko et al., arXiv 1912.00049).

    It starts with vertical stripes. Each query changes the colour of a square somewhere, and keeps that where the margin
    of the true class falls. Squares shrink as AutoAttack has it. An image that is misclassified is left alone.

    Args:
        epsilon: radius of the ball; every pixel ends on its surface or at 0 or 1.
        queries: answers for each image at most.
        generator: of stripes and squares, on the CPU.
    """
    count, channels, height, width = pixels.shape

    def signs(*shape: int) -> Tensor:
        drawn = torch.randint(0, 2, shape, generator=generator)
        return (2 * drawn - 1).to(pixels)

    reached = _projected(pixels + epsilon * signs(count, channels, 1, width), pixels, epsilon)
    margins = _margins(network, reached, labels)
    for query in range(1, queries):
        share = _FIRST_SHARE / 2 ** sum(1e4 * query / queries > after for after in _HALVED_AFTER)
        side = min(max(1, round((share * height * width) ** 0.5)), height, width)
        top, left = (
            torch.randint(0, length - side + 1, (count, 1), generator=generator) for length in (height, width)
        )
        rows, columns = (
            (first <= torch.arange(length)) & (torch.arange(length) < first + side)
            for first, length in ((top, height), (left, width))
        )
        inside = (rows[:, None, :, None] & columns[:, None, None, :]).to(pixels.device)
        change = epsilon * signs(count, channels, 1, 1)
        left_over = (margins >= 0).nonzero().flatten()
        if not len(left_over):
            break
        own = pixels[left_over]
        tried = _projected(own + change[left_over], own, epsilon)
        tried = tried.where(inside[left_over], reached[left_over])
        found = _margins(network, tried, labels[left_over])
        better = found < margins[left_over]
        reached[left_over[better]], margins[left_over[better]] = tried[better], found[better]
    return reached


def _step(
    networks: Sequence[nn.Module], at: Tensor, labels: Tensor, pixels: Tensor, step: float, epsilon: float
) -> Tensor:
    """A step along the sign of the gradient of the mean loss, projected to the ball around ``pixels`` and to 0..1."""
    at = at.detach().requires_grad_()
    gradient = torch.zeros_like(at)
    for network in networks:  # one after another: the memory of one
        loss = nn.functional.cross_entropy(network(at), labels, reduction="sum")
        gradient += torch.autograd.grad(loss, at)[0]
    return _projected(at.detach() + step * gradient.sign(), pixels, epsilon)


def _projected(reached: Tensor, pixels: Tensor, epsilon: float) -> Tensor:
    return reached.clamp(pixels - epsilon, pixels + epsilon).clamp(0.0, 1.0)


@torch.no_grad()
def _margins(network: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
    """Logit of the true class minus the largest of the others; below zero where the image is misclassified."""
    logits: Tensor = network(pixels)
    true = nn.functional.one_hot(labels, logits.shape[1]).bool()
    return logits[true] - logits.masked_fill(true, -torch.inf).amax(1)
