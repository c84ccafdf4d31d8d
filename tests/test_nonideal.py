"""The non-ideal twin: exact where nothing is disturbed, and against a slow loop over crossbars where all is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from circuits import IDEAL
from conftest import DEVICES, MakeNetwork
from numpy.typing import NDArray
from subjects import bits, pruned_by, same
from subjects import mapped as mapped_by

from xbarpaper.hardware.circuit import Parasitics, reference_effective_conductance
from xbarpaper.hardware.conductances import DifferentialPair
from xbarpaper.hardware.effects import Variation, chip
from xbarpaper.hardware.mapped import MappedLayer, MappedNetwork
from xbarpaper.hardware.readout import drift_compensation, gain_factors, read_out
from xbarpaper.mitigation import columns_ordered
from xbarpaper.networks import matrix_of
from xbarpaper.params import GAINS, SCHEMES, ColumnOrder, Devices, Rearrange, SchemeName

Floats = NDArray[np.float64]

WIRES = Parasitics()
SIZE = 8


def on_crossbars(
    make_network: MakeNetwork, scheme: SchemeName, order: ColumnOrder = "none", size: int = SIZE
) -> MappedNetwork:
    """A tiny pruned network, mapped."""
    pruned = pruned_by(make_network(width=0.06), scheme, size)
    return mapped_by(pruned, scheme, size, columns_ordered(Rearrange(order=order)))


def blocks_by_hand(mask: Floats, matrix: Floats, scheme: SchemeName, order: ColumnOrder):
    """Row and column numbers of each crossbar, from the definitions of the schemes."""
    rows, columns = range(mask.shape[0]), range(mask.shape[1])
    if scheme == "xcs":
        tops = [list(rows[top : top + SIZE]) for top in range(0, len(rows), SIZE)]
        strips = [(top, [c for c in columns if mask[top, c].any()]) for top in tops]
    elif scheme == "xrs":
        lefts = [list(columns[left : left + SIZE]) for left in range(0, len(columns), SIZE)]
        strips = [([r for r in rows if mask[r, left].any()], left) for left in lefts]
    else:
        strips = [([r for r in rows if mask[r].any()], [c for c in columns if mask[:, c].any()])]
    for strip_rows, strip_columns in strips:
        if order != "none":
            sign = -1 if order == "descending" else 1
            strip_columns = sorted(strip_columns, key=lambda c: sign * np.abs(matrix[strip_rows, c]).mean())
        for top, left in product(range(0, len(strip_rows), SIZE), range(0, len(strip_columns), SIZE)):
            yield strip_rows[top : top + SIZE], strip_columns[left : left + SIZE]


def programmed_by_hand(layer: MappedLayer, seed: int | None) -> list[Floats]:
    """Conductances of both signs in original coordinates, siemens."""
    matrix, g_min, g_max = layer.matrix.double().numpy(), 5e-6, 50e-6
    pair = [
        g_min + (g_max - g_min) * np.clip(sign * matrix, 0, layer.w_max) / layer.w_max for sign in (1, -1)
    ]
    if seed is None:
        return pair
    tensors = DifferentialPair(*(torch.from_numpy(array) for array in pair))
    varied = Variation(0.1, seed).disturb(tensors, layer.name)
    return [varied.plus.numpy(), varied.minus.numpy()]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("parasitics", [None, IDEAL], ids=["none", "zero"])
@pytest.mark.parametrize("gain", GAINS)
def test_without_effects_the_twin_is_the_network(
    make_network: MakeNetwork, scheme: SchemeName, parasitics: Parasitics | None, gain: str
) -> None:
    mapped = on_crossbars(make_network, scheme, "descending")
    read = read_out(mapped, DEVICES, [], parasitics)
    twin = read.twin(gain)
    for layer, weight, own in zip(
        read.layers, twin.weights().values(), mapped.network.weights().values(), strict=True
    ):
        # A float32 conductance rounds at 6e-8 of up to 50 uS, and two of them over the range of 45 uS.
        torch.testing.assert_close(weight, own, rtol=1e-6, atol=3e-7 * layer.layer.w_max)
        assert layer.non_ideality_factor == pytest.approx(0.0, abs=1e-9)
    others = dict(mapped.network.state_dict())
    for name, value in twin.state_dict().items():
        if "convolution" not in name and name != "classifier.weight":
            assert torch.equal(value, others[name])


@pytest.mark.parametrize(
    ("scheme", "order", "seed"),
    [
        ("unpruned", "none", None), ("cf", "none", 1), ("xcs", "none", 1), ("xrs", "none", 1),
        ("unpruned", "descending", 2), ("cf", "ascending", None), ("xcs", "descending", 2),
        ("xrs", "ascending", 2),
    ],
)  # fmt: skip
def test_a_layer_equals_a_loop_over_its_crossbars(
    make_network: MakeNetwork, scheme: SchemeName, order: ColumnOrder, seed: int | None
) -> None:
    mapped = on_crossbars(make_network, scheme, order)
    effects = [] if seed is None else [Variation(0.1, seed)]
    read = read_out(mapped, DEVICES, effects, WIRES)
    number = 2  # conv3: 72 rows and 15 columns unpruned
    layer = read.layers[number].layer
    ideal, real = programmed_by_hand(layer, None), programmed_by_hand(layer, seed)

    expected, factors, crossbars = np.zeros(layer.matrix.shape), [], 0
    for rows, columns in blocks_by_hand(layer.mask.numpy(), layer.matrix.double().numpy(), scheme, order):
        crossbars += 1
        for sign, programmed, disturbed in zip((1, -1), ideal, real, strict=True):
            tile = np.zeros((SIZE, SIZE))  # padding holds no device
            tile[: len(rows), : len(columns)] = disturbed[np.ix_(rows, columns)]
            effective = reference_effective_conductance(tile, WIRES)[: len(rows), : len(columns)]
            expected[np.ix_(rows, columns)] += sign * effective * layer.w_max / 45e-6
            flow = programmed[np.ix_(rows, columns)].sum(0)  # currents at 1 V on every row
            factors += list((flow - effective.sum(0)) / flow)

    assert layer.tiles.tiles == crossbars
    found = read.layers[number].matrix("none").double().numpy()
    # float32 conductances: 6e-8 of g_max, several times over, against the range.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * layer.w_max)
    assert read.layers[number].non_ideality_factor == pytest.approx(np.mean(factors), abs=1e-5)

    twin = matrix_of(read.twin("none").weights()[layer.name].detach())
    np.testing.assert_allclose(
        twin.numpy(), layer.placement.extract(torch.from_numpy(expected)), rtol=0, atol=1e-6 * layer.w_max
    )


def test_non_ideality_factors_average_over_columns(make_network: MakeNetwork) -> None:
    read = read_out(on_crossbars(make_network, "xcs"), DEVICES, [], WIRES)
    everything = torch.cat([layer.column_factors.flatten() for layer in read.layers])
    assert read.non_ideality_factor == pytest.approx(float(everything[~everything.isnan()].mean()), rel=1e-6)
    layer = read.layers[3]
    by_tile = layer.column_factors.double().numpy()
    np.testing.assert_allclose(layer.tile_factors.numpy(), np.nanmean(by_tile, axis=2), rtol=1e-5)
    padding = (layer.layer.tiles.columns < 0)[None].expand(2, -1, -1)
    assert torch.equal(layer.column_factors.isnan(), padding)


def slope(weights: Floats, effective: Floats) -> float:
    """The least-squares factor by numpy."""
    return float(np.linalg.lstsq(effective.reshape(-1, 1), weights.reshape(-1), rcond=None)[0][0])


@pytest.mark.parametrize("gain", GAINS)
def test_gains_are_least_squares_factors(gain: str) -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(5, 7, 7, generator=generator, dtype=torch.float64)
    effective = 0.6 * weights + 0.1 * torch.randn(5, 7, 7, generator=generator, dtype=torch.float64)
    W, E = weights.numpy(), effective.numpy()
    expected = np.ones_like(W)
    if gain == "layer":
        expected *= slope(W, E)
    elif gain == "tile":
        expected *= np.array([slope(w, e) for w, e in zip(W, E, strict=True)])[:, None, None]
    elif gain == "column":
        columns = [[slope(w[:, c], e[:, c]) for c in range(7)] for w, e in zip(W, E, strict=True)]
        expected *= np.array(columns)[:, None, :]
    found = gain_factors(weights, effective, gain).expand_as(weights).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("gain", GAINS)
def test_where_nothing_is_read_the_gain_is_one(gain: str) -> None:
    weights, effective = torch.ones(2, 3, 3), torch.ones(2, 3, 3) * 0.5
    effective[1] = 0
    factors = gain_factors(weights, effective, gain).expand_as(weights)
    assert torch.isfinite(factors).all()
    if gain in ("tile", "column"):
        assert bool((factors[1] == 1).all())
        assert bool((factors[0] == 2).all())
    assert bool((gain_factors(weights, torch.zeros_like(weights), gain) == 1).all())


ALL_ON = Devices(
    levels=16, programming_noise="pcm", drift="pcm", stuck_low=0.05, stuck_high=0.02, stuck_side=3,
    read_noise="pcm",
)  # fmt: skip


@pytest.mark.parametrize("devices", [DEVICES, ALL_ON], ids=["variation", "all effects"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_effects_without_wires_do_not_know_where_a_device_sits(
    make_network: MakeNetwork, scheme: SchemeName, devices: Devices
) -> None:
    reads = [
        read_out(on_crossbars(make_network, scheme, order), devices, chip(devices, 4), None)
        for order in ("none", "ascending", "descending")
    ]
    for plain, *others in zip(*(read.layers for read in reads), strict=True):
        for moved in others:
            assert torch.equal(plain.matrix("none"), moved.matrix("none"))
            torch.testing.assert_close(plain.matrix("layer"), moved.matrix("layer"))  # sums in another order


@pytest.mark.parametrize("parasitics", [None, WIRES], ids=["ideal", "wires"])
def test_drift_is_made_up_for_as_the_parameters_say(
    make_network: MakeNetwork, parasitics: Parasitics | None
) -> None:
    """The gain is that of the devices as programmed, times one factor; or it is found anew. Each wins something back."""
    mapped, errors = on_crossbars(make_network, "unpruned"), {}
    fresh = read_out(mapped, DEVICES, chip(DEVICES, 2), parasitics)
    for compensation in ("none", "global", "recalibrated"):
        devices = DEVICES.model_copy(
            update={"drift": "pcm", "read_at_s": 1e6, "drift_compensation": compensation}
        )
        read = read_out(mapped, devices, chip(devices, 2), parasitics)
        errors[compensation] = sum(layer.squared_error("layer") for layer in read.layers)
        for now, then in zip(read.layers, fresh.layers, strict=True):
            before, after = then.effective_weights.abs().mean(), now.effective_weights.abs().mean()
            if compensation == "recalibrated":
                torch.testing.assert_close(
                    now.gains("layer"), gain_factors(now.weights, now.effective_weights, "layer")
                )
            else:
                factor = before / after if compensation == "global" else 1.0
                torch.testing.assert_close(now.gains("layer"), then.gains("layer") * factor)
    assert errors["none"] > 1.5 * errors["global"]
    assert errors["recalibrated"] <= errors["global"]


def test_the_factor_against_drift_is_the_worked_one() -> None:
    probes = torch.tensor([1.0, -2.0, 3.0]), torch.tensor([0.8, -1.5, 2.1])
    assert drift_compensation(*probes) == pytest.approx(1.363636, abs=1e-6)
    assert drift_compensation(torch.zeros(3), torch.zeros(3)) == 1.0


def test_read_noise_is_not_calibrated_away(make_network: MakeNetwork) -> None:
    mapped = on_crossbars(make_network, "cf")
    noisy = DEVICES.model_copy(update={"read_noise": "pcm", "drift_compensation": "recalibrated"})
    quiet = read_out(mapped, DEVICES, chip(DEVICES, 2), WIRES)
    reads = [read_out(mapped, noisy, chip(noisy, 2, read), WIRES) for read in (0, 1)]
    for plain, first, second in zip(quiet.layers, *(read.layers for read in reads), strict=True):
        for one in (first, second):
            assert torch.equal(one.gains("column"), plain.gains("column"))
        assert not torch.equal(first.matrix("column"), second.matrix("column"))


def test_effects_act_one_after_the_other(make_network: MakeNetwork) -> None:
    mapped = on_crossbars(make_network, "xrs")
    both = read_out(mapped, DEVICES, [Variation(0.1, 0), Variation(0.2, 1)], None)
    layer = both.layers[1]
    pair = layer.layer.programmed(DEVICES)
    for effect in (Variation(0.1, 0), Variation(0.2, 1)):
        pair = effect.disturb(pair, layer.layer.name)
    by_hand = (pair.plus - pair.minus) / 45e-6 * layer.layer.w_max * (layer.layer.tiles.owners() >= 0)
    torch.testing.assert_close(layer.matrix("none"), by_hand)


def test_the_network_that_is_read_out_stays_as_it_was(make_network: MakeNetwork) -> None:
    mapped = on_crossbars(make_network, "cf")
    before = bits(mapped.network)
    read_out(mapped, DEVICES, [Variation(0.1, 0)], WIRES).twin("layer")
    assert same(mapped.network.state_dict(), before)
