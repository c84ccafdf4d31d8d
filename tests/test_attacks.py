"""Attacks on pixels: against two maintained libraries, and what holds of any attack within a ball."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from conftest import MakeNetwork
from golden_attacks import EPSILON, GOLDEN, QUERIES, SEEDS, STEP, STEPS, problem
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.networks.attacks import OfPixels, fgsm, pgd, square

BY_LIBRARY = json.loads(GOLDEN.read_text(encoding="utf-8"))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def attacked_by_pgd(
    networks: list[nn.Module], pixels: Tensor, labels: Tensor, epsilon: float, seed: int = 0
) -> Tensor:
    return pgd(networks, pixels, labels, epsilon, step=STEP, steps=STEPS, generator=seeded(seed))


GRADIENT = {"fgsm": fgsm, "pgd": attacked_by_pgd}


@pytest.mark.parametrize("name", GRADIENT)
def test_gradient_attacks_are_those_of_foolbox(name: str) -> None:
    """In float64, so that no sign hangs on rounding; nine digits are recorded."""
    network, pixels, labels = problem(3)
    ours = GRADIENT[name]([network], pixels, labels, EPSILON)
    assert np.abs(ours.flatten().numpy() - BY_LIBRARY[name]).max() <= 1e-9


def test_square_leaves_as_many_images_right_as_that_of_torchattacks() -> None:
    """Both search at random, so shares over ten seeds are compared: within four standard errors of their difference."""
    network, pixels, labels = problem(100)
    reached = [
        square(network, pixels, labels, EPSILON, queries=QUERIES, generator=seeded(seed)) for seed in SEEDS
    ]
    ours = np.array([float((network(one).argmax(1) == labels).double().mean()) for one in reached])
    theirs = np.array(BY_LIBRARY["square"])
    error = np.hypot(ours.std(ddof=1), theirs.std(ddof=1)) / len(SEEDS) ** 0.5
    assert abs(ours.mean() - theirs.mean()) <= 4 * error


@given(
    epsilon=st.sampled_from([0.0, 1 / 255, 0.1, 1.0]),
    name=st.sampled_from(["fgsm", "pgd", "square"]),
    networks=st.integers(1, 2),
)
def test_adversarial_pixels_stay_in_the_ball_and_between_0_and_1(
    epsilon: float, name: str, networks: int
) -> None:
    network, pixels, labels = problem(5)
    if name == "square":
        reached = square(network, pixels, labels, epsilon, queries=5, generator=seeded(1))
    else:
        reached = GRADIENT[name]([network] * networks, pixels, labels, epsilon)
    assert float((reached - pixels).abs().max()) <= epsilon + 1e-12
    assert float(reached.min()) >= 0
    assert float(reached.max()) <= 1
    if name == "pgd":
        again = attacked_by_pgd([network], pixels, labels, epsilon, seed=2)
        assert torch.equal(again, reached) == (epsilon == 0), "another seed starts elsewhere"


def test_gradient_is_that_of_the_mean_loss_over_the_networks() -> None:
    network, pixels, labels = problem(4)
    other = problem(1)[0]
    with torch.no_grad():
        for weights in other.parameters():
            weights.mul_(-1.5)
    at = pixels.clone().requires_grad_()
    losses = torch.stack([nn.functional.cross_entropy(one(at), labels) for one in (network, other)])
    expected = (pixels + EPSILON * torch.autograd.grad(losses.mean(), at)[0].sign()).clamp(0, 1)
    assert torch.allclose(fgsm([network, other], pixels, labels, EPSILON), expected, atol=1e-15)
    assert not torch.allclose(fgsm([network], pixels, labels, EPSILON), expected)


def test_network_of_pixels_normalises_as_the_data_do(
    tiny_images: ImageSet, make_network: MakeNetwork
) -> None:
    network = make_network()
    expected = network(data.normalised(tiny_images.test, tiny_images, "cpu"))
    assert torch.allclose(OfPixels(network, tiny_images)(tiny_images.test.pixels / 255), expected, atol=1e-4)
