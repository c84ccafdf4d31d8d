"""Two-dimensional rearrangement: what it may move, what it promises, and small cases whose optimum is known."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations, product

import numpy as np
import pytest
import torch
from circuits import IDEAL
from conftest import DEVICES, MakeNetwork
from hypothesis import given
from hypothesis import strategies as st
from subjects import mapped, pruned_by

from xbarpaper.hardware.circuit import Parasitics, effective_conductance, shared_resistance
from xbarpaper.hardware.conductances import conductances
from xbarpaper.hardware.mapped import LayerPlan
from xbarpaper.hardware.readout import read_out
from xbarpaper.mitigation import arranged_in_two_dimensions, columns_ordered, predicted_error
from xbarpaper.mitigation.swaps import Placing, swapped
from xbarpaper.params import SCHEMES, Gain, Rearrange, SchemeName
from xbarpaper.pruning import compaction_of
from xbarpaper.pruning.compaction import Strip, whole_rows_and_columns

WIRES = Parasitics()
GAINS: tuple[Gain, ...] = ("none", "layer", "tile", "column")


@st.composite
def plans(draw: st.DrawFn) -> LayerPlan:
    """Heavy-tailed weights, pruned in segments, under any scheme's compaction."""
    rows, columns, size = draw(st.integers(1, 20)), draw(st.integers(1, 20)), draw(st.integers(2, 8))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    matrix = torch.from_numpy(random.standard_t(3, (rows, columns)).astype(np.float32))
    mask = torch.from_numpy(random.random((rows, columns)) < draw(st.sampled_from([0.1, 0.5, 1.0])))
    mask[0, 0] = True
    matrix = matrix * mask
    strips = compaction_of(draw(st.sampled_from(SCHEMES)))(mask, size)
    return LayerPlan(matrix, tuple(strips), size, float(matrix.abs().max()))


def cells(strip: Strip) -> Counter[tuple[int, int]]:
    return Counter((row, column) for row in strip.rows.tolist() for column in strip.columns.tolist())


@given(plan=plans(), rounds=st.integers(0, 2))
def test_lines_move_only_within_their_strip(plan: LayerPlan, rounds: int) -> None:
    arranged = arranged_in_two_dimensions(DEVICES, WIRES, "layer", rounds)(plan)
    assert arranged.tiles().tiles == plan.tiles().tiles
    found = [cells(strip) for strip in arranged.strips]
    for strip in plan.strips:
        within = cells(strip)
        parts = [part for part in found if part <= within]
        assert sum(parts, Counter()) == within  # every cell of the strip once, in blocks that lie within it
    assert sum(map(Counter.total, found)) == sum(cells(strip).total() for strip in plan.strips)
    tiles = arranged.tiles()
    assert torch.equal(tiles.untile(tiles.tile(plan.matrix)), plan.matrix)


@given(plan=plans(), gain=st.sampled_from(GAINS))
def test_no_layer_is_predicted_to_be_worse_than_without(plan: LayerPlan, gain: Gain) -> None:
    arranged = arranged_in_two_dimensions(DEVICES, WIRES, gain, 1)(plan)
    error = predicted_error(arranged, DEVICES, WIRES, gain)
    for order in ("ascending", "descending"):
        assert error <= predicted_error(columns_ordered(Rearrange(order=order))(plan), DEVICES, WIRES, gain)
    assert error <= predicted_error(plan, DEVICES, WIRES, gain)


@given(plan=plans())
def test_the_same_plan_is_arranged_alike(plan: LayerPlan) -> None:
    one, other = (arranged_in_two_dimensions(DEVICES, WIRES, "layer", 2)(plan) for _ in range(2))
    for strip, again in zip(one.strips, other.strips, strict=True):
        assert torch.equal(strip.rows, again.rows)
        assert torch.equal(strip.columns, again.columns)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_on_ideal_wires_nothing_changes_and_on_real_ones_the_error_falls(
    make_network: MakeNetwork, scheme: SchemeName
) -> None:
    pruned = pruned_by(make_network(width=0.06), scheme)
    arrangement = arranged_in_two_dimensions(DEVICES, WIRES, "layer", 1)
    plain, moved = (mapped(pruned, scheme, 8, choice) for choice in (None, arrangement))
    assert moved.crossbars == plain.crossbars
    ideal = [read_out(network, DEVICES, [], None) for network in (plain, moved)]
    for one, other in zip(*(read.twin("none").weights().values() for read in ideal), strict=True):
        assert torch.equal(one, other)
    real = (read_out(network, DEVICES, [], WIRES).layers for network in (plain, moved))
    before, after = ([one.matrix("layer") - one.layer.matrix for one in layers] for layers in real)
    assert all(b.norm() <= a.norm() * (1 + 1e-6) for a, b in zip(before, after, strict=True))
    assert sum(b.square().sum() for b in after) < 0.9 * sum(a.square().sum() for a in before)


@pytest.mark.parametrize("gain", GAINS)
def test_the_predicted_error_is_that_of_the_read_out(make_network: MakeNetwork, gain: Gain) -> None:
    network = mapped(pruned_by(make_network(width=0.06), "xcs"), "xcs")
    for read in read_out(network, DEVICES, [], WIRES).layers:
        layer = read.layer
        plan = LayerPlan(layer.matrix, tuple(compaction_of("xcs")(layer.mask, 8)), 8, layer.w_max)
        error = (read.matrix(gain) - layer.matrix).square().sum() / layer.matrix.square().sum()
        # both in float32, summed in another order
        assert predicted_error(plan, DEVICES, WIRES, gain) == pytest.approx(float(error), rel=1e-4)


def test_ideal_wires_and_layers_without_weights_leave_nothing_to_arrange() -> None:
    strips = tuple(whole_rows_and_columns(torch.ones(5, 5, dtype=torch.bool), 4))
    plan = LayerPlan(torch.randn(5, 5), strips, 4, 9.0)
    assert arranged_in_two_dimensions(DEVICES, IDEAL, "layer", 2)(plan) is plan
    for nothing in (LayerPlan(torch.zeros(5, 5), strips, 4, 1.0), LayerPlan(torch.zeros(5, 5), (), 4, 1.0)):
        assert predicted_error(nothing, DEVICES, WIRES, "layer") == 0
        assert arranged_in_two_dimensions(DEVICES, WIRES, "layer", 2)(nothing) is nothing


def test_padding_is_spread() -> None:
    """Nine equal rows on crossbars of eight: eight and one load the drivers unlike, five and four nearly alike."""
    plan = LayerPlan(torch.ones(9, 3), (Strip(torch.arange(9), torch.arange(3)),), 8, 1.0)
    arranged = arranged_in_two_dimensions(DEVICES, WIRES, "layer", 0)(plan)
    assert [len(strip.rows) for strip in arranged.strips] == [5, 4]
    before, after = (predicted_error(one, DEVICES, WIRES, "layer") for one in (plan, arranged))
    assert after < 0.1 * before


def best_by_trying_all(plan: LayerPlan) -> float:
    """Least predicted error over all orders of the rows and the columns of a plan of one strip."""
    (strip,) = plan.strips
    orders = product(permutations(range(len(strip.rows))), permutations(range(len(strip.columns))))
    strips = (Strip(strip.rows[list(rows)], strip.columns[list(columns)]) for rows, columns in orders)
    every = (LayerPlan(plan.matrix, (one,), 2, 1.0) for one in strips)
    return min(predicted_error(one, DEVICES, WIRES, "layer") for one in every)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0], [1.0], [-1.0], [-1.0]],  # one of each sign on a crossbar
        [[1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [-1.0, -1.0]],
        [[1.0, 0.5], [0.9, 0.5], [0.1, -0.2], [-1.0, -0.5]],
        [[1.0, 0.9, -0.8, -0.2]],
    ],
)
def test_reaches_the_optimum_of_small_cases(matrix: list[list[float]]) -> None:
    weights = torch.tensor(matrix, dtype=torch.float64)
    strip = Strip(torch.arange(weights.shape[0]), torch.arange(weights.shape[1]))
    plan = LayerPlan(weights, (strip,), 2, 1.0)
    arranged = arranged_in_two_dimensions(DEVICES, WIRES, "layer", 2)(plan)
    reached = predicted_error(arranged, DEVICES, WIRES, "layer")
    assert reached == pytest.approx(best_by_trying_all(plan), rel=1e-6)
    assert reached < 0.95 * predicted_error(plan, DEVICES, WIRES, "layer")


def test_weights_are_lost_as_the_first_order_says() -> None:
    """D (c_r + c_c) + T (d_r + d_c), for wires a thousandth of the usual ones: second order is a thousandth of it."""
    shrunk = Parasitics(**{name: ohm / 1000 for name, ohm in WIRES.model_dump().items()})
    pair = conductances(torch.randn(6, 6, dtype=torch.float64), DEVICES, 2.0)
    D, T = (pair.plus - pair.minus).numpy(), (pair.plus + pair.minus).numpy() / 2
    K_r = shared_resistance(6, shrunk.driver_ohm, shrunk.row_wire_ohm)[::-1, ::-1]
    K_c = shared_resistance(6, shrunk.sense_ohm, shrunk.column_wire_ohm)
    expected = D * (T @ K_r + K_c @ T) + T * (D @ K_r + K_c @ D)
    plus, minus = (effective_conductance(sign, shrunk) for sign in (pair.plus, pair.minus))
    lost = D - (plus - minus).numpy()
    np.testing.assert_allclose(lost, expected, rtol=0, atol=5e-3 * np.abs(expected).max())


@st.composite
def placings(draw: st.DrawFn) -> Placing:
    counts = np.array(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lines, positions, features = int(counts.sum()), int(counts.max()), draw(st.integers(1, 3))
    scale = draw(st.sampled_from([0.0, 1.0, 10.0]))
    return Placing(
        features=random.normal(size=(lines, features)), load=random.uniform(0.5, 2.0, positions),
        own=scale * random.normal(size=(lines, 2)), place=random.normal(size=(positions, 2)), counts=counts,
    )  # fmt: skip


def objective(placing: Placing, order: np.ndarray) -> float:
    """What the search minimises, added up crossbar by crossbar, line by line."""
    total, lines = 0.0, iter(order)
    for count in placing.counts:
        on_crossbar = [(position, next(lines)) for position in range(count)]
        sums = sum(placing.load[position] * placing.features[line] for position, line in on_crossbar)
        total += np.square(sums).sum()
        total += sum(placing.own[line] @ placing.place[position] for position, line in on_crossbar)
    return float(total)


@given(placing=placings())
def test_no_swap_of_two_lines_improves_what_the_search_found(placing: Placing) -> None:
    order = swapped(placing)
    lines = len(order)
    assert sorted(order.tolist()) == list(range(lines))
    found = objective(placing, order)
    assert found <= objective(placing, np.arange(lines)) + 1e-9
    for one, other in combinations(range(lines), 2):
        changed = order.copy()
        changed[[one, other]] = changed[[other, one]]
        assert objective(placing, changed) >= found - 1e-6


def test_the_search_finds_the_only_balance() -> None:
    """Six lines on two crossbars: 5 + 1 + 1 against 4 + 2 + 1 is the one split in equal halves but for its mirror."""
    features = np.array([[5.0], [4.0], [2.0], [1.0], [1.0], [1.0]]) - 14 / 6
    none = np.zeros((6, 1))
    placing = Placing(features, np.ones(3), none, np.zeros((3, 1)), np.array([3, 3]))
    reached = objective(placing, swapped(placing))
    assert reached == pytest.approx(min(objective(placing, np.array(o)) for o in permutations(range(6))))
    assert reached == pytest.approx(0, abs=1e-12)
