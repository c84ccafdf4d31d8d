"""What disturbs devices: worked numbers of every published law, its moments, and one chip wherever it is drawn."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xbarpaper.hardware.conductances import DifferentialPair
from xbarpaper.hardware.effects import (
    Drift,
    Levels,
    ProgrammingNoise,
    ReadNoise,
    Stuck,
    Variation,
    calibrated_on,
    chip,
    drift,
    known,
    programming,
    reading,
)
from xbarpaper.params import Devices

SHAPE = (200, 300)
MICRO = 1e-6
OURS = Devices()  # 5 to 50 microsiemens
ALL_ON = Devices(
    levels=16, programming_noise="pcm", drift="pcm", stuck_low=0.05, stuck_high=0.02, stuck_side=3,
    read_noise="pcm",
)  # fmt: skip


def constant(value: float = 2e-5, shape: tuple[int, int] = SHAPE) -> DifferentialPair:
    return DifferentialPair(torch.full(shape, value), torch.full(shape, value))


def drawn(devices: Devices, seed: int = 0, layer: str = "conv1", read: int = 0) -> torch.Tensor:
    """Conductances of both signs after all that the parameters switch on, microsiemens."""
    pair = constant()
    for effect in chip(devices, seed, read):
        pair = effect.disturb(pair, layer)
    return torch.stack([pair.plus, pair.minus]).double() / MICRO


def assert_moments(pair: DifferentialPair, mean: float, sigma: float, slack: float = 0.0) -> None:
    """Of both signs, microsiemens, to five standard errors."""
    found = torch.stack([pair.plus, pair.minus]).double() / MICRO
    error = 5 * sigma / found.numel() ** 0.5 + slack
    assert float(found.mean()) == pytest.approx(mean, rel=1e-7, abs=error)  # devices are float32
    assert float(found.std()) == pytest.approx(sigma, rel=5 / (2 * found.numel()) ** 0.5 + 20 * slack)


def published(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


def top_of(one: programming.Spread | drift.Ageing | reading.Flicker) -> Devices:
    """Devices whose highest conductance is the published one, so that nothing is scaled."""
    return Devices(r_min_ohm=1e6 / one.top, r_max_ohm=1e9)


# --- every effect -------------------------------------------------------------------------------------------


def test_the_same_seed_and_layer_give_the_same_devices_in_any_order() -> None:
    names = ["conv1", "conv2", "classifier"]
    before = torch.get_rng_state()
    forward = {name: drawn(ALL_ON, 3, name) for name in names}
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)  # the global generator plays no part
    backward = {name: drawn(ALL_ON, 3, name) for name in reversed(names)}
    for name in names:
        assert torch.equal(forward[name], backward[name])


RANDOM = {
    "variation": {},
    "programming": {"programming_noise": "pcm", "variation_sigma": 0.0},
    "drift": {"drift": "pcm", "variation_sigma": 0.0},
    "stuck": {"stuck_low": 0.3, "variation_sigma": 0.0},
    "reading": {"read_noise": "pcm", "variation_sigma": 0.0},
}


@pytest.mark.parametrize("changes", RANDOM.values(), ids=RANDOM)
def test_other_seeds_layers_and_signs_meet_independent_devices(changes: dict[str, object]) -> None:
    devices = Devices().model_copy(update=changes)
    first = drawn(devices)[0]
    pairs = [(first, drawn(devices, *other)[0]) for other in ((1, "conv1"), (0, "conv2"))]
    pairs += [(drawn(devices, 1)[0], drawn(devices, 11)[0]), (first, drawn(devices)[1])]
    for a, b in pairs:
        # Correlation of 60 000 independent pairs: standard deviation 0.004; five of them.
        assert abs(float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])) < 0.02


def test_effects_act_in_one_order_and_by_default_there_is_only_variation() -> None:
    assert chip(Devices(), 3) == (Variation(0.1, 3),)
    kinds = [type(effect) for effect in chip(ALL_ON, 0)]
    assert kinds == [Levels, ProgrammingNoise, Variation, Drift, Stuck, ReadNoise]


def test_what_is_known_of_a_chip_and_what_the_readout_was_calibrated_on() -> None:
    every = chip(ALL_ON, 0)
    assert [type(effect) for effect in known(every)] == [Levels, Variation, Stuck]
    before_drift = [Levels, ProgrammingNoise, Variation, Stuck]
    for compensation, wanted in (
        ("none", before_drift),
        ("global", before_drift),
        ("recalibrated", [Levels, ProgrammingNoise, Variation, Drift, Stuck]),
    ):
        devices = ALL_ON.model_copy(update={"drift_compensation": compensation})
        assert [type(effect) for effect in calibrated_on(every, devices)] == wanted


def test_another_reading_meets_the_same_devices_with_other_noise() -> None:
    first, second = drawn(ALL_ON, read=0), drawn(ALL_ON, read=1)
    assert not torch.equal(first, second)
    quiet = ALL_ON.model_copy(update={"read_noise": "none"})
    assert torch.equal(drawn(quiet, read=0), drawn(quiet, read=1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_conductances_are_never_negative_and_keep_their_kind(dtype: torch.dtype) -> None:
    loud = ALL_ON.model_copy(update={"programming_factor": 30.0, "read_factor": 30.0, "variation_sigma": 1.0})
    pair = DifferentialPair(torch.rand(SHAPE, dtype=dtype) * 5e-5, torch.zeros(SHAPE, dtype=dtype))
    for effect in chip(loud, 0):
        pair = effect.disturb(pair, "conv1")
        for one in (pair.plus, pair.minus):
            assert one.dtype == dtype
            assert torch.isfinite(one).all()
            assert float(one.min()) >= 0


# --- finite levels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "expected"), [(1, 50.0), (2, 35.0), (4, 29.0), (6, 27.857143)])
def test_levels_are_the_worked_ones(bits: int, expected: float) -> None:
    pair = Levels(2**bits, OURS).disturb(constant(27.9e-6, (2, 2)), "conv1")
    assert float(pair.plus[0, 0]) / MICRO == pytest.approx(expected, rel=1e-6)


@given(levels=st.integers(2, 40), share=st.floats(0, 1))
def test_a_level_is_the_nearest_of_those_there_are_and_stays(levels: int, share: float) -> None:
    there = torch.linspace(5.0, 50.0, levels, dtype=torch.float64)
    effect, value = Levels(levels, OURS), 5.0 + 45.0 * share
    one = torch.full((1, 1), value * MICRO, dtype=torch.float64)
    found = effect.disturb(DifferentialPair(one, one), "conv1")
    assert abs(float(found.plus) / MICRO - value) <= float((there - value).abs().min()) + 1e-9
    assert torch.allclose(effect.disturb(found, "conv1").plus, found.plus, rtol=1e-12)


# --- variation ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.0, 0.01, 0.1, 0.3])
def test_mean_and_deviation_of_the_variation_are_those_of_the_parameter(sigma: float) -> None:
    # At sigma 0.3 the clipping of one draw in 2000 moves both by less than 1e-4.
    assert_moments(Variation(sigma, 5).disturb(constant(MICRO), "conv3"), 1.0, sigma, 1e-4 * (sigma > 0.2))


# --- programming noise --------------------------------------------------------------------------------------

SIGMAS = [  # conductance and standard deviation in microsiemens (SONOS: nanoampere), computed apart from the formula
    ("pcm", 0, 0.263480), ("pcm", 2.5, 0.448249), ("pcm", 6.25, 0.681411), ("pcm", 12.5, 0.952705),
    ("pcm", 25, 1.055380),
    ("pcm-crosssim", 0, 0.286386), ("pcm-crosssim", 5, 0.620980), ("pcm-crosssim", 12.5, 0.955278),
    ("pcm-crosssim", 25, 1.065523),
    ("hermes-2", 0, 0.166032), ("hermes-2", 2.07, 0.557718), ("hermes-2", 10.35, 0.991013),
    ("hermes-2", 20.7, 1.092699),
    ("hermes-1", 0, 0.157818), ("hermes-1", 1.035, 0.369319), ("hermes-1", 5.175, 0.865313),
    ("hermes-1", 10.35, 1.007567),
    ("rram-wan-1s", 0, 0.348), ("rram-wan-1s", 10, 2.258270), ("rram-wan-1s", 20, 2.022938),
    ("rram-wan-1s", 40, 1.103),
    ("rram-wan-1d", 10, 3.720758), ("rram-wan-1d", 20, 3.909), ("rram-wan-1d", 40, 2.651),
    ("rram-wan-2d", 10, 3.663789), ("rram-wan-2d", 20, 3.929125), ("rram-wan-2d", 40, 2.677),
    ("rram-wan-crosssim", 0, 1.053), ("rram-wan-crosssim", 10, 2.4136), ("rram-wan-crosssim", 20, 2.3618),
    ("rram-wan-crosssim", 30, 1.8192), ("rram-wan-crosssim", 39.26, 1.680641),
    ("rram-milo", 50, 4.326971), ("rram-milo", 100, 3.871621), ("rram-milo", 225, 2.733246),
    ("rram-cmo", 10, 0.124121), ("rram-cmo", 40, 0.462830), ("rram-cmo", 80, 0.914440),
    ("sonos", 100, 8.608461), ("sonos", 800, 19.673844), ("sonos", 1600, 19.884373),
]  # fmt: skip


@pytest.mark.parametrize(("preset", "conductance", "sigma"), SIGMAS)
def test_programming_noise_is_the_published_one(preset, conductance: float, sigma: float) -> None:
    noise = programming.PRESETS[preset]
    assert float(noise.sigma(published(conductance))) == pytest.approx(sigma, abs=1.1e-6)
    # Through the effect, on devices of the published range: mean and deviation; what falls below zero is cut off.
    if conductance > 5 * sigma:
        effect = ProgrammingNoise(preset, 1.0, top_of(noise), 0)
        assert_moments(effect.disturb(constant(conductance * MICRO), "conv1"), conductance, sigma)


@given(preset=st.sampled_from(sorted(programming.PRESETS)), share=st.floats(0.1, 1), factor=st.floats(0.1, 3))
def test_published_noise_is_relative_to_the_highest_conductance(preset, share: float, factor: float) -> None:
    """On devices of ten times the range the same draw moves a device ten times as far."""
    small, large = Devices(r_min_ohm=2e5, r_max_ohm=2e6), Devices(r_min_ohm=2e4, r_max_ohm=2e5)
    moved = []
    for one in (small, large):
        before = constant(share * one.g_max_siemens, (4, 5))
        moved.append(ProgrammingNoise(preset, factor, one, 1).disturb(before, "conv1").plus)
    torch.testing.assert_close(moved[1], 10 * moved[0], rtol=1e-4, atol=1e-10)


# --- drift --------------------------------------------------------------------------------------------------

HOUR, DAY = 3600.0, 86400.0
FACTORS = [  # conductance, seconds after t_0, conductance left of each unit where nu is its mean
    ("pcm", 25, HOUR, 0.775129), ("pcm", 25, DAY, 0.663524), ("pcm", 12.5, HOUR, 0.775129),
    ("pcm", 2.5, HOUR, 0.731705), ("pcm", 2.5, DAY, 0.604697), ("pcm", 0.25, HOUR, 0.607798),
    ("pcm", 0.25, DAY, 0.448521),
    ("hermes-2", 20.7, HOUR, 0.956351), ("hermes-2", 10.35, HOUR, 0.865314), ("hermes-2", 2.07, HOUR, 0.831578),
    ("hermes-2", 1.035, HOUR, 0.778268),
]  # fmt: skip


@pytest.mark.parametrize(("preset", "conductance", "seconds", "left"), FACTORS)
def test_drift_is_the_published_power_of_time(
    preset, conductance: float, seconds: float, left: float
) -> None:
    first = {"pcm": 20.0, "hermes-2": 300.0}[preset]
    law = drift.PRESETS[preset].law
    found = law(published(conductance), published(0.0), seconds + first)
    assert float(found) == pytest.approx(left * conductance, rel=2e-6)
    assert float(law(published(conductance), published(0.7), first)) == pytest.approx(conductance)


@pytest.mark.parametrize(
    ("preset", "share", "mean", "spread"),
    [
        ("pcm", 0.1, 0.0600901, 0.0228823), ("pcm", 0.01, 0.0957801, 0.045), ("hermes-2", 1.0, 0.0174, 0.0048),
        ("hermes-2", 0.5, 0.0564, 0.009), ("hermes-1", 0.5, 0.0564, 0.012075),
    ],
)  # fmt: skip
def test_each_device_has_an_exponent_of_its_own(preset, share: float, mean: float, spread: float) -> None:
    one = drift.PRESETS[preset]
    devices, first = top_of(one), {"pcm": 20.0, "hermes-2": 300.0, "hermes-1": 200.0}[preset]
    start = constant(share * devices.g_max_siemens)
    pair = Drift(preset, 1e4 * first, devices, 0).disturb(start, "conv1")
    nu = -torch.log(torch.stack([pair.plus, pair.minus]).double() / start.plus) / math.log(1e4)
    # The absolute value folds what falls below zero: 1.7 % of the draws at two deviations.
    n = torch.randn(10**6, generator=torch.Generator().manual_seed(1)) * spread + mean
    assert float(nu.mean()) == pytest.approx(float(n.abs().mean()), abs=6 * spread / nu.numel() ** 0.5)
    assert float(nu.std()) == pytest.approx(float(n.abs().std()), rel=0.02)


@pytest.mark.parametrize(
    ("seconds", "shift", "spread"), [(HOUR, -0.728810, 0.755851), (DAY, -1.011664, 0.889366)]
)
def test_cmo_drifts_with_the_logarithm_of_time(seconds: float, shift: float, spread: float) -> None:
    one = drift.PRESETS["rram-cmo"]
    drifted = Drift("rram-cmo", seconds, top_of(one), 0).disturb(constant(40e-6), "conv1")
    assert_moments(drifted, 40 + shift, spread)
    assert float(one.law(published(9.0), published(-3.0), seconds)) == 9.0


# --- stuck devices ------------------------------------------------------------------------------------------


def test_stuck_devices_are_as_many_as_was_worked_out() -> None:
    effect = Stuck(low=0.0904, high=0.0175, side=1, devices=OURS, seed=0)
    means = []
    for number in range(40):
        pair = effect.disturb(constant(27.5e-6, (64, 64)), f"layer {number}")
        for one in (pair.plus, pair.minus):
            high, low = int((one == one.new_tensor(50e-6)).sum()), int((one == one.new_tensor(5e-6)).sum())
            assert abs(high - 71.68) < 5 * 8.392
            assert abs(low - 370.28) < 5 * 18.352
            means.append(float(one.double().mean()) / MICRO)
    # One device: 0.0904 at 5, 0.0175 at 50, the others as programmed; five standard errors.
    assert sum(means) / len(means) == pytest.approx(25.85975, abs=5 * 7.2 / (80 * 4096) ** 0.5)


@given(side=st.integers(1, 6), low=st.floats(0, 0.5), high=st.floats(0, 0.5), seed=st.integers(0, 10**6))
def test_clusters_strike_as_many_devices_whatever_their_side(
    side: int, low: float, high: float, seed: int
) -> None:
    pair = Stuck(low, high, side, OURS, seed).disturb(constant(), "conv1")
    found = torch.stack([pair.plus, pair.minus])
    for wanted, conductance in ((low, 5e-6), (high, 5e-5)):
        share = float((found == found.new_tensor(conductance)).double().mean())
        # Clusters overlap at most side^2 devices, so they count for at least so many fewer independent ones.
        independent = found.numel() / (2 * side - 1) ** 2
        assert abs(share - wanted) <= 6 * (wanted * (1 - wanted) / independent) ** 0.5 + 1e-9


def test_a_device_beside_a_stuck_one_is_stuck_with_the_chance_worked_out() -> None:
    """Centres strike with q; two neighbours share side (side - 1) of their side^2 centres."""
    side, rate = 4, 0.1
    q = 1 - (1 - rate) ** (1 / side**2)
    neither = (1 - q) ** (2 * side**2 - side * (side - 1))
    expected = 1 - 2 * (1 - rate) + neither
    chips = (Stuck(rate, 0.0, side, OURS, seed) for seed in range(40))
    struck = [one.disturb(constant(), "conv1").plus == torch.tensor(5e-6) for one in chips]
    both = torch.stack([(one[:, :-1] & one[:, 1:]).double().mean() for one in struck])
    assert float(both.mean()) == pytest.approx(expected, abs=5 * float(both.std()) / len(both) ** 0.5)
    assert expected > 5 * rate**2


@pytest.mark.parametrize(("low", "high", "value"), [(1.0, 0.0, 5.0), (0.0, 1.0, 50.0)])
def test_a_stuck_device_ignores_all_that_came_before(low: float, high: float, value: float) -> None:
    changes = {"stuck_low": low, "stuck_high": high, "read_noise": "none"}
    found = drawn(ALL_ON.model_copy(update=changes))
    assert torch.allclose(found, torch.full_like(found, value))


# --- read noise ---------------------------------------------------------------------------------------------

RELATIVE = [  # conductance, seconds since programming, relative standard deviation
    ("pcm", 25, 20, 0.0368177), ("pcm", 25, 3620, 0.0419298), ("pcm", 25, 86420, 0.0447639),
    ("pcm", 6.25, 20, 0.0906557), ("pcm", 6.25, 3620, 0.1032434), ("pcm", 6.25, 86420, 0.1102217),
    ("pcm", 0.25, 3620, 0.8366), ("hermes-2", 1.035, 3900, 0.1322170), ("hermes-2", 10.35, 3900, 0.0784963),
    ("hermes-2", 20.7, 3900, 0.0577714), ("hermes-1", 0.5175, 3800, 0.1275232),
    ("hermes-1", 5.175, 3800, 0.1018619), ("hermes-1", 10.35, 3800, 0.0788608), ("rram-cmo", 40, 3600, 0.205096 / 40),
    ("sonos", 1600, 3600, 12.58037 * (1 - math.exp(-1600 / 215.36557)) / 1600),
    ("relative", 0.5, 0, 1.0), ("relative", 40, 1e10, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("preset", "conductance", "seconds", "relative"), RELATIVE)
def test_read_noise_is_the_published_one_at_its_time(
    preset, conductance: float, seconds: float, relative: float
) -> None:
    noise = reading.PRESETS[preset]
    found = float(noise.sigma(published(conductance), seconds)) / conductance
    assert found == pytest.approx(relative, rel=6e-5 if relative > 0.5 else 2e-6)
    if relative < 0.2:
        effect = ReadNoise(preset, 1.0, seconds, top_of(noise), 0, 0)
        noisy = effect.disturb(constant(conductance * MICRO), "conv1")
        assert_moments(noisy, conductance, relative * conductance)


@pytest.mark.parametrize(("conductance", "sigma"), [(5.0, 0.05), (50.0, 0.2)])
def test_relative_read_noise_has_the_chosen_share_of_each_conductance(
    conductance: float, sigma: float
) -> None:
    _, effect = chip(Devices(read_noise="relative", read_factor=sigma, read_at_s=0.0), seed=0)
    assert_moments(effect.disturb(constant(conductance * MICRO), "conv1"), conductance, sigma * conductance)
