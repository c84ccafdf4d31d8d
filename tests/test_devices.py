"""Device variation: the same devices wherever they are drawn, other devices elsewhere, and the right statistics."""

from __future__ import annotations

import pytest
import torch

from xbarpaper.hardware.conductances import DifferentialPair
from xbarpaper.hardware.effects import Variation

SHAPE = (200, 300)


def constant(value: float = 2e-5, shape: tuple[int, int] = SHAPE) -> DifferentialPair:
    return DifferentialPair(torch.full(shape, value), torch.full(shape, value))


def factors(sigma: float, seed: int, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    """What a variation multiplies the devices of both signs by."""
    pair = Variation(sigma, seed).disturb(constant(1.0), layer)
    return pair.plus, pair.minus


def test_the_same_seed_and_layer_give_the_same_devices_in_any_order():
    names = ["conv1", "conv2", "classifier"]
    torch.manual_seed(1)
    forward = {name: factors(0.1, 3, name) for name in names}
    torch.manual_seed(2)  # the global generator plays no part
    backward = {name: factors(0.1, 3, name) for name in reversed(names)}
    for name in names:
        assert torch.equal(forward[name][0], backward[name][0])
        assert torch.equal(forward[name][1], backward[name][1])


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    factors(0.1, 0, "conv1")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("one", "other"),
    [((0, "conv1"), (1, "conv1")), ((0, "conv1"), (0, "conv2")), ((1, "conv1"), (11, "conv1"))],
)
def test_other_seeds_and_layers_meet_independent_devices(one: tuple[int, str], other: tuple[int, str]):
    a, b = factors(0.1, *one)[0], factors(0.1, *other)[0]
    # Correlation of 60 000 independent pairs: standard deviation 0.004; five of them.
    assert abs(float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])) < 0.02


def test_the_two_signs_are_different_devices():
    plus, minus = factors(0.1, 0, "conv1")
    assert abs(float(torch.corrcoef(torch.stack([plus.flatten(), minus.flatten()]))[0, 1])) < 0.02


@pytest.mark.parametrize("sigma", [0.01, 0.1, 0.3])
def test_mean_and_deviation_are_those_of_the_parameter(sigma: float):
    drawn = torch.stack(factors(sigma, 5, "conv3")).double()
    count = drawn.numel()
    # Five standard errors; at sigma 0.3 the clipping of one draw in 2000 moves both by less than 1e-4.
    assert float(drawn.mean()) == pytest.approx(1.0, abs=5 * sigma / count**0.5 + 1e-4 * (sigma > 0.2))
    assert float(drawn.std()) == pytest.approx(sigma, rel=5 / (2 * count) ** 0.5 + 2e-3 * (sigma > 0.2))


def test_the_disturbance_is_relative_to_the_conductance():
    small, large = (Variation(0.1, 0).disturb(constant(value), "conv1").plus for value in (1e-5, 4e-5))
    torch.testing.assert_close(large, 4 * small)


def test_conductances_stay_positive_however_large_the_variation():
    pair = Variation(1.0, 0).disturb(constant(), "conv1")
    assert float(torch.stack([pair.plus, pair.minus]).min()) > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_variation_changes_no_bit(dtype: torch.dtype):
    conductance = torch.rand(SHAPE, dtype=dtype) * 5e-5
    pair = Variation(0.0, 0).disturb(DifferentialPair(conductance, conductance.flip(0)), "conv1")
    assert torch.equal(pair.plus, conductance)
    assert torch.equal(pair.minus, conductance.flip(0))
    assert pair.plus.dtype == dtype
