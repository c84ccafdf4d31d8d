"""R and WCT: what they may change, and what they must leave alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from conftest import DEVICES, MakeNetwork, MakeParams
from subjects import mapped, pruned_by

from xbarpaper.data import ImageSet
from xbarpaper.hardware.circuit import effective_conductance
from xbarpaper.hardware.conductances import DifferentialPair, weights_of
from xbarpaper.hardware.effects import Variation
from xbarpaper.hardware.mapped import LayerPlan, MappedNetwork
from xbarpaper.hardware.readout import read_out
from xbarpaper.mitigation import Start, TrainingUnderLimits, WeightLimits, columns_ordered, limits_of
from xbarpaper.networks.runs import HeldMask, Run
from xbarpaper.params import SCHEMES, ColumnOrder, Parasitics, Rearrange, SchemeName, Wct
from xbarpaper.pruning import PrunedNetwork, weight_quantiles
from xbarpaper.pruning.compaction import Strip

SIZE = 8
ORDERS = ("ascending", "descending")


def on_crossbars(pruned: PrunedNetwork, scheme: SchemeName, order: ColumnOrder) -> MappedNetwork:
    return mapped(pruned, scheme, SIZE, columns_ordered(Rearrange(order=order)))


WEIGHTS = torch.tensor([[3.0, -9.0, 0.0, 4.0, 6.0], [2.0, 1.0, 0.5, -4.0, -2.0], [1.0, 1.0, 8.0, 1.0, 1.0]])
TOP = Strip(torch.tensor([0, 1]), torch.tensor([0, 1, 2, 3, 4]))  # means of |w|: 2.5, 5, 0.25, 4, 4


@pytest.mark.parametrize(
    ("settings", "columns"),
    [
        ({}, [1, 3, 4, 0, 2]),  # equal columns stay in their order
        ({"order": "ascending"}, [2, 0, 3, 4, 1]),
        ({"key": "maximum"}, [1, 4, 3, 0, 2]),
        ({"key": "square"}, [1, 4, 3, 0, 2]),
        ({"key": "error"}, [2, 3, 4, 1, 0]),
        ({"order": "centre"}, [3, 1, 4, 0, 2]),  # on the crossbars of three and two columns
        ({"grouping": "spread"}, [1, 4, 2, 3, 0]),
        ({"grouping": "spread", "order": "ascending"}, [2, 3, 1, 0, 4]),
        ({"scope": "layer"}, [1, 3, 4, 2, 0]),
        ({"order": "none"}, [0, 1, 2, 3, 4]),
    ],
    ids=str,
)
def test_columns_are_ordered_as_the_settings_say(settings: dict[str, Any], columns: list[int]) -> None:
    def errors(plan: LayerPlan) -> torch.Tensor:
        return torch.tensor([[0.0, 1.0, 5.0, 3.0, 2.0]]).expand(3, -1)

    arranged = columns_ordered(Rearrange(**settings), errors)(LayerPlan(WEIGHTS, (TOP,), 3, 9.0))
    (strip,) = arranged.strips
    assert (strip.rows.tolist(), strip.columns.tolist()) == ([0, 1], columns)
    assert (arranged.minus_strips, arranged.w_max) == (None, 9.0)


def test_each_row_of_crossbars_and_each_sign_may_have_an_order_of_its_own() -> None:
    plan = LayerPlan(WEIGHTS, (Strip(torch.arange(3), torch.arange(5)),), 2, 9.0)
    rows = columns_ordered(Rearrange(scope="crossbar"))(plan).strips
    assert [strip.rows.tolist() for strip in rows] == [[0, 1], [2]]
    assert [strip.columns.tolist() for strip in rows] == [[1, 3, 4, 0, 2], [2, 0, 1, 3, 4]]
    signs = columns_ordered(Rearrange(arrays="signs"))(plan)
    assert signs.minus_strips is not None
    plus, minus = (one.columns.tolist() for (one,) in (signs.strips, signs.minus_strips))
    assert (plus, minus) == ([2, 4, 0, 3, 1], [1, 3, 4, 0, 2])


def test_each_crossbar_may_have_a_range_of_its_own(make_network: MakeNetwork) -> None:
    """Its largest weight programs the highest conductance; ideal crossbars give the weights back."""
    pruned = pruned_by(make_network(width=0.06), "xcs")
    arrangement = columns_ordered(Rearrange(range="crossbar"))
    network = mapped(pruned, "xcs", SIZE, arrangement)
    for layer in network.layers:
        pair = layer.programmed(DEVICES)
        highest = torch.maximum(layer.tiles.tile(pair.plus), layer.tiles.tile(pair.minus)).amax((1, 2))
        torch.testing.assert_close(highest, torch.full_like(highest, DEVICES.g_max_siemens))
    for read in read_out(network, DEVICES, [], None).layers:
        torch.testing.assert_close(read.matrix("none"), read.layer.matrix, rtol=1e-5, atol=1e-6)


def test_an_order_for_each_sign_is_two_arrays_that_are_solved_apart(make_network: MakeNetwork) -> None:
    pruned = pruned_by(make_network(width=0.06), "cf")
    arrangement = columns_ordered(Rearrange(arrays="signs"))
    network = mapped(pruned, "cf", SIZE, arrangement)
    read = read_out(network, DEVICES, [Variation(0.1, 0)], Parasitics())
    for found in read.layers:
        layer = found.layer
        pair = Variation(0.1, 0).disturb(layer.programmed(DEVICES), layer.name)
        assert layer.minus_tiles is not None
        plus, minus = (
            tiles.untile(effective_conductance(tiles.tile(sign), Parasitics()))
            for tiles, sign in ((layer.tiles, pair.plus), (layer.minus_tiles, pair.minus))
        )
        expected = weights_of(DifferentialPair(plus, minus), DEVICES, layer.w_max)
        torch.testing.assert_close(found.matrix("none"), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("order", ORDERS)
def test_rearranging_costs_no_crossbar_and_moves_no_device_out_of_the_low_range(
    make_network: MakeNetwork, scheme: SchemeName, order: ColumnOrder
) -> None:
    pruned = pruned_by(make_network(width=0.06), scheme)
    plain, moved = on_crossbars(pruned, scheme, "none"), on_crossbars(pruned, scheme, order)
    tables = [network.layer_table(DEVICES, 0.1) for network in (plain, moved)]
    assert tables[0].equals(tables[1])
    assert plain.low_conductance_share(DEVICES, 0.1) == moved.low_conductance_share(DEVICES, 0.1)
    columns = ([layer.tiles.columns for layer in one.layers] for one in (plain, moved))
    assert not all(map(torch.equal, *columns))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_limits_are_quantiles_of_the_weights_that_pruning_left(
    make_network: MakeNetwork, scheme: SchemeName, quantile: float
) -> None:
    pruned = pruned_by(make_network(width=0.06), scheme)
    limits = limits_of(pruned, quantile).limits
    matrices = pruned.network.matrices()
    assert list(limits) == list(matrices)
    for name, matrix in matrices.items():
        living = np.abs(matrix.numpy()[pruned.masks[name].numpy()])
        assert limits[name] == pytest.approx(np.quantile(living, quantile), rel=1e-6)


def test_limits_clamp_each_layer_at_its_own(make_network: MakeNetwork) -> None:
    network = make_network()
    before = {name: weight.detach().clone() for name, weight in network.weights().items()}
    limits = {name: 0.1 + 0.01 * n for n, name in enumerate(before)}
    with torch.no_grad():
        WeightLimits(limits).apply(network)
    for name, weight in network.weights().items():
        assert torch.equal(weight, before[name].clamp(-limits[name], limits[name]))
        assert float(weight.detach().abs().max()) < float(before[name].abs().max())


def test_the_digest_of_limits_tells_them_apart() -> None:
    limits = WeightLimits({"conv1": 0.1, "conv2": 0.2})
    assert limits.digest() == WeightLimits({"conv2": 0.2, "conv1": 0.1}).digest()
    assert limits.digest() != WeightLimits({"conv1": 0.1, "conv2": 0.20000001}).digest()


@pytest.mark.parametrize("rounds", [0, 2])
@pytest.mark.parametrize("scheme", ["unpruned", "cf", "xcs"])
def test_limits_and_masks_hold_after_training(
    make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet, scheme: SchemeName, rounds: int
) -> None:
    pruned = pruned_by(make_network(width=0.06), scheme)
    limits, masks, params = limits_of(pruned, 0.9), pruned.weight_masks(), make_params()
    before = {name: weight.detach().clone() for name, weight in pruned.network.weights().items()}
    run = Run("wct", params.train, 0, 0.0, 0, constraints=(HeldMask(masks),))
    settings = Wct(cut_quantile=0.9, learning_rate=0.05 if rounds else 0.2, rounds=rounds)
    start = Start(pruned, scheme, None, weight_quantiles(pruned, 1.0), tiny_images, run)
    history = TrainingUnderLimits(settings).train(params, start)
    assert history["epoch"].tolist() == list(range(1, max(rounds, 1) + 1))
    for name, weight in pruned.network.weights().items():
        limit = np.float32(limits.limits[name])
        assert float(weight.detach().abs().max()) <= limit
        assert not weight[~masks[name]].any()
        assert not torch.equal(weight, before[name])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_clamped_weights_in_the_old_range_have_no_fewer_low_devices(
    make_network: MakeNetwork, scheme: SchemeName
) -> None:
    """A clamp makes no |w| larger, so with the old w_max no device leaves the low range; a limit below it adds all."""
    pruned = pruned_by(make_network(width=0.06), scheme)
    old = on_crossbars(pruned, scheme, "none")
    before = [layer.low_devices(DEVICES, 0.1) for layer in old.layers]
    for quantile, all_low in ((0.95, False), (0.01, True)):
        with torch.no_grad():
            limits_of(pruned, quantile).apply(pruned.network)
        matrices = pruned.network.matrices()
        clamped = [dataclasses.replace(layer, matrix=matrices[layer.name]) for layer in old.layers]
        after = [layer.low_devices(DEVICES, 0.1) for layer in clamped]
        assert all(now >= then for now, then in zip(after, before, strict=True))
        if all_low:
            assert after == [layer.devices for layer in clamped]
