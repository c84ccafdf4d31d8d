"""From weights to crossbars and back: every step against its inverse and against a count or a formula by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import product
from math import ceil

import numpy as np
import pytest
import torch
from conftest import DEVICES
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from xbarpaper.hardware.conductances import DifferentialPair, conductances, is_low, weights_of
from xbarpaper.hardware.tiles import NO_DEVICE, TileMap, dense_tiles, tile_map
from xbarpaper.networks import matrix_of, weight_of
from xbarpaper.networks.matrix import placed
from xbarpaper.params import Devices
from xbarpaper.pruning.compaction import (
    Compaction,
    Strip,
    columns_of_row_strips,
    rows_of_column_strips,
    whole_rows_and_columns,
)


def tiles_for_whole(mask: Tensor, size: int) -> int:
    rows = sum(any(row) for row in mask.tolist())
    columns = sum(any(column) for column in mask.T.tolist())
    return ceil(rows / size) * ceil(columns / size)


def tiles_for_columns_of_row_strips(mask: Tensor, size: int) -> int:
    count = 0
    for top in range(0, mask.shape[0], size):
        strip = mask[top : top + size].T.tolist()
        count += ceil(sum(any(column) for column in strip) / size)
    return count


def tiles_for_rows_of_column_strips(mask: Tensor, size: int) -> int:
    return tiles_for_columns_of_row_strips(mask.T, size)


COMPACTIONS: dict[str, tuple[Compaction, Callable[[Tensor, int], int]]] = {
    "cf": (whole_rows_and_columns, tiles_for_whole),
    "xcs": (columns_of_row_strips, tiles_for_columns_of_row_strips),
    "xrs": (rows_of_column_strips, tiles_for_rows_of_column_strips),
}


@st.composite
def masks(draw: st.DrawFn) -> tuple[Tensor, int]:
    """A mask with dead rows, columns, segments and single cells, from nothing kept to everything, and a size."""
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    size = draw(st.integers(2, 17))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    mask = np.ones((rows, columns), dtype=bool)
    for kind in draw(st.sets(st.sampled_from(["rows", "columns", "segments", "cells"]))):
        if kind == "rows":
            mask &= random.random((rows, 1)) < share
        elif kind == "columns":
            mask &= random.random((1, columns)) < share
        elif kind == "segments":
            kept = random.random((ceil(rows / size), columns)) < share
            mask &= kept.repeat(size, axis=0)[:rows]
        else:
            mask &= random.random((rows, columns)) < share
    return torch.from_numpy(mask), size


def numbered(mask: Tensor) -> Tensor:
    """A different non-zero number wherever a weight lives."""
    return torch.arange(1.0, mask.numel() + 1).reshape(mask.shape) * mask


def owners_of(tiles: TileMap) -> dict[tuple[int, int], list[int]]:
    """The crossbars on which each weight of the matrix sits, by walking over all cells."""
    found = defaultdict[tuple[int, int], list[int]](list)
    for number, lines in enumerate(zip(tiles.rows.tolist(), tiles.columns.tolist(), strict=True)):
        for row, column in product(*lines):
            if row >= 0 and column >= 0:
                found[row, column].append(number)
    return found


@pytest.mark.parametrize(
    ("groups", "channels", "filters", "kernel", "side"),
    [(1, 3, 5, 3, 8), (1, 1, 1, 1, 4), (1, 4, 2, 3, 2), (1, 2, 7, 5, 6), (2, 4, 6, 3, 6), (5, 5, 15, 3, 6)],
)
def test_a_convolution_is_the_product_with_its_matrix(
    groups: int, channels: int, filters: int, kernel: int, side: int
) -> None:
    """Block-diagonal where it is grouped; a linear layer is one of a kernel of one pixel."""
    weight = torch.randn(filters, channels // groups, kernel, kernel, dtype=torch.float64)
    weight = weight.contiguous(memory_format=torch.channels_last)  # as the networks hold it
    images = torch.randn(2, channels, side, side, dtype=torch.float64)
    patches = functional.unfold(images, kernel, padding=kernel // 2)  # (n, inputs, places)
    outputs = (patches.mT @ placed(weight, groups).embed(matrix_of(weight))).mT
    assert torch.equal(weight_of(matrix_of(weight), weight.shape), weight)
    expected = functional.conv2d(images, weight, padding=kernel // 2, groups=groups)
    torch.testing.assert_close(outputs.reshape(2, filters, side, side), expected)


@pytest.mark.parametrize("scheme", COMPACTIONS)
@given(case=masks(), seed=st.integers(0, 2**31))
def test_every_weight_has_one_device_and_comes_back_in_any_order_of_columns(
    scheme: str, case: tuple[Tensor, int], seed: int
) -> None:
    (mask, size), (compaction, count) = case, COMPACTIONS[scheme]
    strips, shape, matrix = compaction(mask, size), tuple(mask.shape), numbered(mask)
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(strip.columns), generator=generator) for strip in strips]
    moved = [Strip(one.rows, one.columns[order]) for one, order in zip(strips, orders, strict=True)]
    living = {(row, column) for row, column in torch.nonzero(mask).tolist()}
    for tiles in (tile_map(strips, shape, size), tile_map(moved, shape, size)):
        assert torch.equal(tiles.untile(tiles.tile(matrix)), matrix)
        assert tiles.tiles == count(mask, size)
        owners = owners_of(tiles)
        assert living <= set(owners)
        assert int(tiles.occupied.sum()) == len(owners)
        expected = torch.full(shape, NO_DEVICE)
        for (row, column), numbers in owners.items():
            (expected[row, column],) = numbers  # on one crossbar, once
        assert torch.equal(tiles.owners(), expected)


@pytest.mark.parametrize("scheme", COMPACTIONS)
@given(case=masks())
def test_compaction_leaves_no_dead_line_and_padding_lies_at_the_far_edges(
    scheme: str, case: tuple[Tensor, int]
) -> None:
    (mask, size), (compaction, _) = case, COMPACTIONS[scheme]
    strips = compaction(mask, size)
    for strip in strips:
        block = mask[strip.rows][:, strip.columns]
        assert scheme == "xcs" or block.any(1).all()
        assert scheme == "xrs" or block.any(0).all()
    tiles = tile_map(strips, tuple(mask.shape), size)
    for lines in (tiles.rows, tiles.columns):
        padding = lines == NO_DEVICE
        assert bool((padding[:, 1:] >= padding[:, :-1]).all())  # once padding, padding to the end
        assert not padding[:, 0].any()
    full_rows = {ceil(len(strip.rows) / size) * size - len(strip.rows) for strip in strips}
    assert set((tiles.rows == NO_DEVICE).sum(1).tolist()) <= full_rows | {0}
    assert bool((tiles.tile(torch.ones(mask.shape))[~tiles.occupied] == 0).all())


def test_tiles_of_a_small_matrix_by_hand() -> None:
    """Rows 0 and 1 form the first strip, row 2 the second; columns 1 and 2 are dead in the first."""
    mask = torch.tensor([[1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 1, 1]], dtype=torch.bool)
    tiles = tile_map(columns_of_row_strips(mask, 2), (3, 4), 2)
    assert tiles.rows.tolist() == [[0, 1], [2, -1], [2, -1]]
    assert tiles.columns.tolist() == [[0, 3], [1, 2], [3, -1]]
    assert tiles.tile(numbered(mask)).tolist() == [[[1, 4], [5, 8]], [[10, 11], [0, 0]], [[12, 0], [0, 0]]]


@pytest.mark.parametrize(
    ("shape", "size", "count"),
    [((1, 1), 16, 1), ((16, 16), 16, 1), ((17, 16), 16, 2), ((27, 64), 32, 2), ((4608, 512), 64, 576)],
)
def test_number_of_crossbars_of_a_dense_matrix(shape: tuple[int, int], size: int, count: int) -> None:
    assert dense_tiles(shape, size) == count
    strips = whole_rows_and_columns(torch.ones(shape, dtype=torch.bool), size)
    assert tile_map(strips, shape, size).tiles == count


@pytest.mark.parametrize(
    ("weight", "plus", "minus"),
    [
        (0.0, 5.0, 5.0),
        (2.0, 50.0, 5.0),
        (-2.0, 5.0, 50.0),
        (1.0, 27.5, 5.0),
        (-0.5, 5.0, 16.25),
        (0.2, 9.5, 5.0),
        (9.0, 50.0, 5.0),  # saturates
        (-9.0, 5.0, 50.0),
    ],
)
def test_conductances_of_a_pair_in_microsiemens(weight: float, plus: float, minus: float) -> None:
    pair = conductances(torch.tensor([[weight]], dtype=torch.float64), DEVICES, w_max=2.0)
    assert 1e6 * float(pair.plus) == pytest.approx(plus, rel=1e-12)
    assert 1e6 * float(pair.minus) == pytest.approx(minus, rel=1e-12)


@given(
    values=st.lists(st.floats(-3, 3), min_size=1, max_size=20),
    w_max=st.floats(0.01, 3),
    ratio=st.floats(1.5, 1000),
)
def test_weights_of_inverts_conductances_up_to_saturation(
    values: list[float], w_max: float, ratio: float
) -> None:
    devices = Devices(r_min_ohm=20e3, r_max_ohm=20e3 * ratio, variation_sigma=0.0)
    weights = torch.tensor(values, dtype=torch.float64)
    pair = conductances(weights, devices, w_max)
    # Conductances round at 1e-16 of g_max, which is up to three times the range: 1e-14 of w_max is safe.
    expected = weights.clamp(-w_max, w_max)
    torch.testing.assert_close(weights_of(pair, devices, w_max), expected, rtol=1e-12, atol=1e-14 * w_max)
    for conductance in (pair.plus, pair.minus):
        assert float(conductance.min()) >= devices.g_min_siemens * (1 - 1e-12)
        assert float(conductance.max()) <= devices.g_max_siemens * (1 + 1e-12)


def test_only_the_difference_of_a_pair_counts() -> None:
    pair = conductances(torch.tensor([0.3, -0.7]), DEVICES, 1.0)
    shifted = DifferentialPair(pair.plus + 7e-6, pair.minus + 7e-6)
    torch.testing.assert_close(weights_of(shifted, DEVICES, 1.0), torch.tensor([0.3, -0.7]))


@pytest.mark.parametrize(
    ("microsiemens", "threshold", "low"),
    [
        (5.0, 0.1, True), (9.4, 0.1, True), (9.6, 0.1, False), (50.0, 0.1, False), (27.4, 0.5, True),
        (27.6, 0.5, False),
    ],
)  # fmt: skip
def test_low_is_below_a_share_of_the_range(microsiemens: float, threshold: float, low: bool) -> None:
    conductance = torch.tensor([microsiemens * 1e-6], dtype=torch.float64)
    assert bool(is_low(conductance, DEVICES, threshold)) is low


def test_what_does_not_fit_is_refused() -> None:
    tiles = tile_map(whole_rows_and_columns(torch.ones(3, 5, dtype=torch.bool), 2), (3, 5), 2)
    with pytest.raises(ValueError, match=r"\(5, 3\) does not fit a map of shape \(3, 5\)"):
        tiles.tile(torch.ones(5, 3))
    with pytest.raises(ValueError, match=r"\(6, 3, 2\) do not fit a map of shape \(6, 2, 2\)"):
        tiles.untile(torch.ones(6, 3, 2))
    for w_max in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=r"w_max = .* must be positive"):
            conductances(torch.ones(2, 2), DEVICES, w_max)
    with pytest.raises(ValueError, match="NaN"):
        conductances(torch.tensor([[1.0, float("nan")]]), DEVICES, 1.0)
