"""R and WCT: what they may change, and what they must leave alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from conftest import MakeNetwork, MakeParams
from repository import tiny_profile

from xbarpaper.data import ImageSet
from xbarpaper.hardware.effects import Variation
from xbarpaper.hardware.mapped import LayerPlan, MappedNetwork, map_network
from xbarpaper.hardware.readout import read_out
from xbarpaper.mitigation import WeightLimits, limits_of, ordered_by_mean_conductance
from xbarpaper.networks.training import HeldMask, Run, train
from xbarpaper.params import SCHEMES, ColumnOrder, Devices, SchemeName
from xbarpaper.pruning import SCHEMES as PRUNING
from xbarpaper.pruning import PrunedNetwork, compaction_of, prune, unpruned
from xbarpaper.pruning.compaction import Strip

DEVICES = Devices(r_min_ohm=20e3, r_max_ohm=200e3, variation_sigma=0.1)
SIZE = 8
ORDERS = ("ascending", "descending")


def pruned_by(make_network: MakeNetwork, scheme: SchemeName) -> PrunedNetwork:
    network = make_network(width=0.06)
    settings = tiny_profile().prune
    return unpruned(network) if scheme == "unpruned" else prune(network, PRUNING[scheme], settings, 0.6, SIZE)


def largest(pruned: PrunedNetwork) -> dict[str, float]:
    return {name: float(weight.detach().abs().max()) for name, weight in pruned.network.weights().items()}


def mapped(pruned: PrunedNetwork, scheme: SchemeName, order: ColumnOrder) -> MappedNetwork:
    arrangement = ordered_by_mean_conductance(order)
    return map_network(pruned, compaction_of(scheme), SIZE, largest(pruned), arrangement)


@pytest.mark.parametrize("order", ORDERS)
def test_columns_of_a_strip_are_ordered_by_mean_conductance(order: ColumnOrder):
    matrix = torch.tensor([[1.0, -9.0, 0.0, 4.0], [2.0, 1.0, 0.5, -4.0], [99.0, 0.0, 99.0, 0.0]])
    strip = Strip(torch.tensor([0, 1]), torch.tensor([0, 1, 3]))  # means of |w|: 1.5, 5, 4
    (arranged,) = ordered_by_mean_conductance(order)(LayerPlan(matrix, (strip,), SIZE, 99.0)).strips
    assert arranged.rows.tolist() == [0, 1]
    assert arranged.columns.tolist() == ([1, 3, 0] if order == "descending" else [0, 3, 1])


@pytest.mark.parametrize("order", ORDERS)
def test_equal_columns_stay_in_their_order(order: ColumnOrder):
    strip = Strip(torch.arange(2), torch.tensor([4, 1, 3, 0, 2]))
    (arranged,) = ordered_by_mean_conductance(order)(LayerPlan(torch.ones(2, 5), (strip,), SIZE, 1.0)).strips
    assert arranged.columns.tolist() == [4, 1, 3, 0, 2]


def test_no_order_is_no_arrangement():
    assert ordered_by_mean_conductance("none") is None


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("order", ORDERS)
def test_on_the_crossbars_mean_conductance_is_monotone(
    make_network: MakeNetwork, scheme: SchemeName, order: ColumnOrder
):
    """Within each line of crossbars that share rows, read from the driver on: the mean over the whole strip."""
    network = mapped(pruned_by(make_network, scheme), scheme, order)
    for layer in network.layers:
        strips = compaction_of(scheme)(layer.mask, SIZE)
        starts = 0
        for strip in strips:
            across = -(-len(strip.columns) // SIZE)
            down = -(-len(strip.rows) // SIZE)
            first_line = layer.tiles.columns[starts : starts + across].flatten()
            columns = first_line[first_line >= 0]
            starts += across * down
            assert sorted(columns.tolist()) == sorted(strip.columns.tolist())
            means = layer.matrix[strip.rows][:, columns].abs().double().mean(0)
            steps = means.diff() if order == "ascending" else -means.diff()
            assert bool((steps >= -1e-6 * means.max()).all())  # the library's mean is float32
        assert starts == layer.tiles.tiles


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("order", ORDERS)
def test_rearranged_columns_give_the_same_ideal_network_bit_for_bit(
    make_network: MakeNetwork, scheme: SchemeName, order: ColumnOrder
):
    pruned = pruned_by(make_network, scheme)
    plain, moved = (
        read_out(mapped(pruned, scheme, o), DEVICES, [], None).twin("none") for o in ("none", order)
    )
    images = torch.randn(2, 3, 32, 32)
    for one, other in zip(plain.weights().values(), moved.weights().values(), strict=True):
        assert torch.equal(one, other)
    with torch.no_grad():
        assert torch.equal(plain(images), moved(images))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("order", ORDERS)
def test_rearranging_costs_no_crossbar_and_moves_no_device_out_of_the_low_range(
    make_network: MakeNetwork, scheme: SchemeName, order: ColumnOrder
):
    pruned = pruned_by(make_network, scheme)
    plain, moved = mapped(pruned, scheme, "none"), mapped(pruned, scheme, order)
    tables = [network.layer_table(DEVICES, 0.1) for network in (plain, moved)]
    assert tables[0].equals(tables[1])
    assert plain.low_conductance_share(DEVICES, 0.1) == moved.low_conductance_share(DEVICES, 0.1)
    assert any(
        not torch.equal(one.tiles.columns, other.tiles.columns)
        for one, other in zip(plain.layers, moved.layers, strict=True)
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_weight_meets_the_same_disturbed_devices_wherever_it_sits(
    make_network: MakeNetwork, scheme: SchemeName
):
    pruned = pruned_by(make_network, scheme)
    effect = Variation(0.1, 3)
    restored = []
    for order in ("none", "descending"):
        layers = []
        for layer in mapped(pruned, scheme, order).layers:
            pair = effect.disturb(layer.programmed(DEVICES), layer.name)
            layers += [layer.tiles.untile(layer.tiles.tile(sign)) for sign in (pair.plus, pair.minus)]
        restored.append(layers)
    for plain, moved in zip(*restored, strict=True):
        assert torch.equal(plain, moved)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_limits_are_quantiles_of_the_weights_that_pruning_left(
    make_network: MakeNetwork, scheme: SchemeName, quantile: float
):
    pruned = pruned_by(make_network, scheme)
    limits = limits_of(pruned, quantile).limits
    matrices = pruned.matrices()
    assert list(limits) == list(matrices)
    for name, matrix in matrices.items():
        living = np.abs(matrix.numpy()[pruned.masks[name].numpy()])
        assert limits[name] == pytest.approx(np.quantile(living, quantile), rel=1e-6)


def test_limits_clamp_each_layer_at_its_own(make_network: MakeNetwork):
    network = make_network()
    before = {name: weight.detach().clone() for name, weight in network.weights().items()}
    limits = {name: 0.1 + 0.01 * n for n, name in enumerate(before)}
    with torch.no_grad():
        WeightLimits(limits).apply(network)
    for name, weight in network.weights().items():
        assert torch.equal(weight, before[name].clamp(-limits[name], limits[name]))
        assert float(weight.detach().abs().max()) < float(before[name].abs().max())


def test_the_digest_of_limits_tells_them_apart():
    limits = WeightLimits({"conv1": 0.1, "conv2": 0.2})
    assert limits.digest() == WeightLimits({"conv2": 0.2, "conv1": 0.1}).digest()
    assert limits.digest() != WeightLimits({"conv1": 0.1, "conv2": 0.20000001}).digest()


@pytest.mark.parametrize("scheme", ["unpruned", "cf", "xcs"])
def test_limits_and_masks_hold_after_training(
    make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet, scheme: SchemeName
):
    pruned = pruned_by(make_network, scheme)
    limits = limits_of(pruned, 0.9)
    masks = pruned.weight_masks()
    before = {name: weight.detach().clone() for name, weight in pruned.network.weights().items()}
    run = Run("wct", make_params().train, 1, 0.2, 0, constraints=(HeldMask(masks), limits))
    train(pruned.network, tiny_images, run)
    for name, weight in pruned.network.weights().items():
        limit = np.float32(limits.limits[name])
        assert float(weight.detach().abs().max()) <= limit
        assert not weight[~masks[name]].any()
        assert not torch.equal(weight, before[name])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_clamped_weights_in_the_old_range_have_no_fewer_low_devices(
    make_network: MakeNetwork, scheme: SchemeName
):
    """A clamp makes no |w| larger, so with the old w_max no device leaves the low range; a limit below it adds all."""
    pruned = pruned_by(make_network, scheme)
    old = mapped(pruned, scheme, "none")
    before = [layer.low_devices(DEVICES, 0.1) for layer in old.layers]
    for quantile, all_low in ((0.95, False), (0.01, True)):
        with torch.no_grad():
            limits_of(pruned, quantile).apply(pruned.network)
        matrices = pruned.matrices()
        clamped = [dataclasses.replace(layer, matrix=matrices[layer.name]) for layer in old.layers]
        after = [layer.low_devices(DEVICES, 0.1) for layer in clamped]
        assert all(now >= then for now, then in zip(after, before, strict=True))
        if all_low:
            assert after == [layer.devices for layer in clamped]
