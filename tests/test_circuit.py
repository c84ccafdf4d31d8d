"""The solver against the nodal equations and against the integral equation, its gradients against differences."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from circuits import DEFAULTS, IDEAL, PARASITICS, ohms
from hypothesis import given
from hypothesis import strategies as st
from subjects import threads
from torch import Tensor

from xbarpaper.hardware.circuit import (
    CircuitError,
    Parasitics,
    dissection,
    effective_conductance,
    elimination,
    node_voltages,
    reference_effective_conductance,
)
from xbarpaper.hardware.circuit.plans import plan_of
from xbarpaper.support import memory

SHAPES = [(1, 1), (1, 7), (9, 1), (16, 16), (37, 41), (5, 64)]

EXACT = 1e-9  # of the largest element; what the float64 solver promises
FLOAT32 = 1e-5  # what the float32 solver promises

resistances = st.just(0.0) | st.floats(0.1, 1e5)


@st.composite
def parasitics_of_any_kind(draw: st.DrawFn) -> Parasitics:
    return ohms(*(draw(resistances) for _ in range(4)))


@st.composite
def conductance_tiles(draw: st.DrawFn) -> Tensor:
    """Tiles up to 9 x 9 over twelve decades, with missing devices, empty rows and empty columns."""
    rows, columns = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31 - 1)))
    low = draw(st.floats(-12.0, 0.0))
    high = draw(st.floats(low, 0.0))
    G = 10 ** (low + (high - low) * torch.rand(rows, columns, dtype=torch.float64, generator=generator))
    missing = draw(st.sampled_from([0.0, 0.3, 0.9]))
    G[torch.rand(rows, columns, generator=generator) < missing] = 0.0
    G[sorted(draw(st.sets(st.integers(0, rows - 1), max_size=2)))] = 0.0
    G[:, sorted(draw(st.sets(st.integers(0, columns - 1), max_size=2)))] = 0.0
    return G


def _random_tiles(*shape: int, seed: int = 0) -> Tensor:
    """Devices between 5 and 50 microsiemens, a tenth of them missing."""
    generator = torch.Generator().manual_seed(seed)
    G = 5e-6 + 45e-6 * torch.rand(*shape, dtype=torch.float64, generator=generator)
    G[torch.rand(*shape, generator=generator) < 0.1] = 0.0
    return G


def _relative_error(found: Tensor, expected: np.ndarray | Tensor) -> float:
    """Largest difference relative to the largest expected element; absolute where nothing conducts."""
    expected = torch.as_tensor(expected, dtype=torch.float64)
    scale = float(expected.abs().max()) or 1.0
    return float((found.double() - expected).abs().max()) / scale


def _currents_by_integral_equation(G: Tensor, parasitics: Parasitics, voltages: Tensor) -> np.ndarray:
    """Column currents from X + G * (X K_r + K_c X) = G * (V 1^T), a dense system in the device currents X."""
    rows, columns = G.shape
    along, down = np.arange(columns), np.arange(rows)
    K_r = parasitics.driver_ohm + parasitics.row_wire_ohm * np.minimum.outer(along, along)
    K_c = parasitics.sense_ohm + parasitics.column_wire_ohm * (rows - 1 - np.maximum.outer(down, down))
    drops = np.kron(np.eye(rows), K_r) + np.kron(K_c, np.eye(columns))
    g = G.numpy().reshape(-1)
    X = np.linalg.solve(np.eye(g.size) + g[:, None] * drops, g * np.repeat(voltages.numpy(), columns))
    return X.reshape(rows, columns).sum(axis=0)


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
@pytest.mark.parametrize("parasitics", PARASITICS, ids=str)
def test_equals_the_nodal_solution(rows: int, columns: int, parasitics: Parasitics) -> None:
    G = _random_tiles(rows, columns)
    expected = reference_effective_conductance(G.numpy(), parasitics)
    assert _relative_error(effective_conductance(G, parasitics), expected) <= EXACT
    single = effective_conductance(G.float(), parasitics)
    assert single.dtype == torch.float32
    assert _relative_error(single, expected) <= FLOAT32


@given(conductance_tiles(), parasitics_of_any_kind())
def test_equals_the_nodal_solution_for_any_tile(G: Tensor, parasitics: Parasitics) -> None:
    """Elimination too, which is left what the fast method refuses."""
    expected = reference_effective_conductance(G.numpy(), parasitics)
    direct, check = elimination.solve(G[None], parasitics)
    assert (check <= EXACT).all()
    for found in (effective_conductance(G, parasitics), direct[0]):
        assert _relative_error(found, expected) <= EXACT


@given(conductance_tiles(), parasitics_of_any_kind(), st.integers(0, 2**31 - 1))
def test_currents_satisfy_the_integral_equation(G: Tensor, parasitics: Parasitics, seed: int) -> None:
    """Any voltages, negative ones too: superposition is what makes one matrix enough."""
    voltages = torch.randn(len(G), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    G_eff = effective_conductance(G, parasitics)
    expected = _currents_by_integral_equation(G, parasitics, voltages)
    # Currents of opposite sign may cancel, so the error is measured against the largest that could flow.
    scale = float(G_eff.abs().sum(0).max() * voltages.abs().max()) or 1.0
    assert np.abs((voltages @ G_eff).numpy() - expected).max() <= EXACT * scale


@given(conductance_tiles())
def test_ideal_wires_change_nothing(G: Tensor) -> None:
    found = effective_conductance(G, IDEAL)
    assert torch.equal(found, G)
    assert found.data_ptr() != G.data_ptr()
    assert _relative_error(torch.as_tensor(reference_effective_conductance(G.numpy(), IDEAL)), G) == 0.0


@pytest.mark.parametrize("shape", [(6, 4), (3, 6, 4), (2, 3, 4, 6), (0, 5, 4), (2, 0, 4, 5)], ids=str)
def test_leading_dimensions(shape: tuple[int, ...]) -> None:
    """Views need not be contiguous, and the input stays as it is."""
    G = _random_tiles(*shape).mT.contiguous().mT
    before = G.clone()
    G_eff = effective_conductance(G, DEFAULTS)
    assert G_eff.shape == G.shape
    assert torch.equal(G, before)
    tiles = zip(G_eff.reshape(-1, *shape[-2:]), G.reshape(-1, *shape[-2:]), strict=True)
    for found, tile in tiles:
        assert _relative_error(found, effective_conductance(tile.clone(), DEFAULTS)) <= 1e-12


@pytest.mark.parametrize("tiles_per_chunk", [1, 3, 7, 100])
def test_chunks_change_nothing_but_memory(tiles_per_chunk: int) -> None:
    """To rounding only: batched matrix products may sum in another order for another batch size."""
    G = _random_tiles(7, 9, 12)
    chunked = effective_conductance(G, DEFAULTS, tiles_per_chunk=tiles_per_chunk)
    assert _relative_error(chunked, effective_conductance(G, DEFAULTS)) <= 1e-12


@pytest.mark.parametrize(("mode", "differentiable"), [(torch.no_grad, False), (torch.enable_grad, True)])
def test_gradient_modes(mode: type, differentiable: bool) -> None:
    G = _random_tiles(2, 5, 4).requires_grad_()
    with mode():
        G_eff = effective_conductance(G, DEFAULTS)
    assert G_eff.requires_grad == differentiable
    for found, tile in zip(G_eff.detach(), G.detach(), strict=True):
        assert _relative_error(found, reference_effective_conductance(tile.numpy(), DEFAULTS)) <= EXACT


UNIT = 1e-5  # siemens; finite differences want numbers near 1


def _scaled(G: Tensor, parasitics: Parasitics) -> Tensor:
    return effective_conductance(G * UNIT, parasitics, rtol=1e-14 if not parasitics.ideal else None) / UNIT


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (4, 3)], ids=str)
@pytest.mark.parametrize("parasitics", PARASITICS, ids=str)
def test_gradients_are_those_of_finite_differences(shape: tuple[int, int], parasitics: Parasitics) -> None:
    """Of every output by every device, each in a tile of its own: a gradient that leaks into another tile is wrong."""
    G, step = _random_tiles(*shape).clamp_min(1e-6) / UNIT, 1e-4
    each = torch.eye(G.numel(), dtype=torch.float64).reshape(-1, *shape)
    above, below = (_scaled(G + sign * step * each, parasitics) for sign in (1, -1))
    by_device = ((above - below) / (2 * step)).flatten(1)
    copies = G.repeat(len(each), 1, 1).requires_grad_()
    _scaled(copies, parasitics).backward(each)
    assert copies.grad is not None
    torch.testing.assert_close(copies.grad.flatten(1), by_device.T, rtol=1e-5, atol=1e-7)


def test_gradient_of_an_absent_device_is_that_of_adding_it() -> None:
    G = _random_tiles(4, 5).clamp_min(1e-6)
    G[1, 3] = 0.0
    weight = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    G.requires_grad_()
    (effective_conductance(G, DEFAULTS) * weight).sum().backward()
    assert G.grad is not None
    added = G.detach().clone()
    added[1, 3] = 1e-10
    both = (reference_effective_conductance(g.numpy(), DEFAULTS) for g in (added, G.detach()))
    with_it, without = ((torch.from_numpy(G_eff) * weight).sum() for G_eff in both)
    assert float(G.grad[1, 3]) == pytest.approx(float(with_it - without) / 1e-10, rel=1e-4)


def test_float32_gradients_come_from_float64() -> None:
    G = _random_tiles(3, 6, 5)
    single = G.float().requires_grad_()
    effective_conductance(single, DEFAULTS).sum().backward()
    G.requires_grad_()
    effective_conductance(G, DEFAULTS).sum().backward()
    assert single.grad is not None
    assert single.grad.dtype == torch.float32
    assert _relative_error(single.grad, G.grad) <= 1e-6


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_stays_on_its_device() -> None:
    G = _random_tiles(3, 9, 12)
    found = effective_conductance(G.cuda(), DEFAULTS)
    assert found.is_cuda
    assert _relative_error(found.cpu(), effective_conductance(G, DEFAULTS)) <= EXACT


TEN_TIMES = ohms(1e3, 50.0, 100.0, 1e3)


@pytest.mark.parametrize(
    ("shape", "parasitics", "rtol"),
    [
        ((16, 16), DEFAULTS, 1e-10),
        ((64, 64), DEFAULTS, 1e-10),
        ((64, 64), TEN_TIMES, 1e-10),
        ((128, 128), DEFAULTS, 1e-9),
        ((256, 256), TEN_TIMES, 4e-9),
        pytest.param((1024, 64), TEN_TIMES, 5e-8, marks=pytest.mark.slow),
        pytest.param((64, 1024), DEFAULTS, 5e-8, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_the_fast_method_alone_does_crossbars_of_any_size(
    shape: tuple[int, int], parasitics: Parasitics, rtol: float
) -> None:
    """Nothing is left to elimination, the bound proven is one, and errors are far below it."""
    G = _random_tiles(2, *shape)
    G[1] = 5e-6 + 45e-6 * (G[1] / 50e-6) ** 8  # most devices low, as in a trained network
    rows = sorted({0, shape[0] // 3, shape[0] - 1})
    for dtype, bound, most in ((torch.float32, 1e-6, 1e-7), (torch.float64, rtol, 1e-12)):
        tiles = G.to(dtype)
        found, proven = dissection.solve(tiles, parasitics)
        assert (proven <= bound).all()
        tile = tiles[1].double().numpy()
        expected = reference_effective_conductance(tile, parasitics, refine=False, inputs=rows)
        error = found[1, rows].double() - torch.from_numpy(expected)
        assert float(error.abs().max() / found[1].max()) <= most


@given(conductance_tiles(), parasitics_of_any_kind())
def test_no_error_is_above_its_bound(G: Tensor, parasitics: Parasitics) -> None:
    expected = reference_effective_conductance(G.numpy(), parasitics)
    for dtype in (torch.float32, torch.float64):
        found, bounds = dissection.solve(G[None].to(dtype), parasitics)
        # A tile rounded to float32 is another tile, by 6e-8 of each device; the referee is good to 1e-14.
        allowed = float(bounds) + (1e-6 if dtype == torch.float32 else 1e-14)
        assert _relative_error(found[0], expected) <= allowed


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (20, 12)], ids=str)
def test_the_bound_is_worth_asking_for(shape: tuple[int, int]) -> None:
    """Usual devices are far within what is promised; a slip of one part in 10^9 would be noticed by the tests above."""
    for parasitics in PARASITICS[:-1]:
        bounds = dissection.solve(_random_tiles(3, *shape) + 1e-6, parasitics)[1]
        assert (bounds <= 1e-9).all()
        assert (bounds > 0).all()


@pytest.mark.parametrize(
    ("shape", "tiles"), [((16, 16), 64), ((17, 3), 9), ((200, 200), 1), ((5, 700), 2)], ids=str
)
def test_memory_is_estimated_from_above(shape: tuple[int, int], tiles: int) -> None:
    room = dissection._Room(plan_of(*shape), tiles)
    held = sum(array.size for array in vars(room).values())
    in_and_out = 4 * tiles * shape[0] * shape[1]
    assert held + in_and_out <= dissection.numbers(*shape, tiles) <= 8 * (held + in_and_out) + 2e5


def test_a_size_beyond_the_memory_is_refused_before_anything_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "free", lambda: 1e8)
    monkeypatch.setattr(dissection, "plan_of", None)
    said = r"^the circuit of 1024 x 1024 crossbars needs 0\.5 GB of memory, 0\.1 GB are"
    with pytest.raises(CircuitError, match=said):
        effective_conductance(torch.ones(1024, 1024), DEFAULTS)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_threads_change_nothing(number: Callable[[float], Any]) -> None:
    G = _random_tiles(200, 16, 16)
    expected = effective_conductance(G, DEFAULTS)
    with threads(number):
        found = effective_conductance(G, DEFAULTS, tiles_per_chunk=7)
    assert torch.equal(found, expected)


def test_tiles_that_the_fast_method_refuses_are_eliminated() -> None:
    """One batch of both: rows that draw far more from one another than any column gets, beside ordinary ones."""
    G = _random_tiles(4, 12, 12)
    G[2] *= 1e4
    parasitics = ohms(1e-3, 1e-3, 1e-3, 1e6)
    assert (dissection.solve(G, parasitics)[1] > 1e-9).tolist() == [False, False, True, False]
    found = effective_conductance(G, parasitics)
    for solved, tile in zip(found, G, strict=True):
        assert _relative_error(solved, reference_effective_conductance(tile.numpy(), parasitics)) <= EXACT


def test_an_accuracy_out_of_reach_is_an_error() -> None:
    said = r"rtol = 3e-16: the circuit of tile [0-2] is only solved to"
    with pytest.raises(CircuitError, match=said) as caught:
        effective_conductance(_random_tiles(3, 40, 40), DEFAULTS, rtol=3e-16)
    assert "\n" not in str(caught.value)


def test_a_wrong_elimination_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is worth its name: a slip of one part in 10^6 anywhere does not pass."""
    right = elimination.inverse
    monkeypatch.setattr(elimination, "inverse", lambda matrix: right(matrix) * (1 + 1e-6))
    assert (elimination.solve(_random_tiles(2, 8, 8), DEFAULTS)[1] > EXACT).all()


@pytest.mark.parametrize("parasitics", PARASITICS, ids=str)
def test_node_voltages_obey_every_law_of_the_circuit(parasitics: Parasitics) -> None:
    """Ohm's law in every device and wire segment, and Kirchhoff's in every node."""
    G = _random_tiles(5, 7)
    inputs = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = node_voltages(G, parasitics, inputs)
    row, column, current = found.row, found.column, found.current
    assert row.shape == column.shape == current.shape == (3, 5, 7)
    torch.testing.assert_close(node_voltages(G, parasitics, inputs[0]).current, current[0])
    close = {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(current, G * (row - column), rtol=1e-10, atol=1e-17)
    onward = current.flip(-1).cumsum(-1).flip(-1)  # along the row wire into each node
    torch.testing.assert_close(inputs - row[..., 0], parasitics.driver_ohm * onward[..., 0], **close)
    drops = row[..., :-1] - row[..., 1:]
    torch.testing.assert_close(drops, parasitics.row_wire_ohm * onward[..., 1:], **close)
    below = current.cumsum(-2)
    drops = column[:, :-1] - column[:, 1:]
    torch.testing.assert_close(drops, parasitics.column_wire_ohm * below[:, :-1], **close)
    torch.testing.assert_close(column[:, -1], parasitics.sense_ohm * below[:, -1], **close)
    currents = inputs @ effective_conductance(G, parasitics)
    torch.testing.assert_close(below[:, -1], currents, rtol=1e-9, atol=1e-16)


def tile_with(value: float) -> Tensor:
    G = _random_tiles(2, 3, 4)
    G[1, 2, 3] = value
    return G


ONES, THREE = torch.ones(3, 4), torch.ones(3)
REFUSED: list[tuple[Callable[[], object], str]] = [
    *((partial(effective_conductance, tile_with(value), DEFAULTS), rf"^conductance: holds {value:g}; every value must")
      for value in (float("nan"), float("inf"), -float("inf"), -1e-9)),
    *((partial(effective_conductance, torch.ones(shape), DEFAULTS), rf"shape {re.escape(str(shape))} must be")
      for shape in ((4,), ())),
    *((partial(effective_conductance, torch.ones(shape), DEFAULTS), "at least one row and one column")
      for shape in ((0, 4), (2, 4, 0))),
    *((partial(effective_conductance, torch.ones(4, 4, dtype=kind), DEFAULTS), f"type {kind} must be")
      for kind in (torch.int64, torch.float16)),
    *((partial(effective_conductance, ONES, DEFAULTS, rtol=rtol), "rtol = .* must be at least")
      for rtol in (0.0, -1.0, 1.0, float("nan"), 1e-17)),
    (partial(effective_conductance, ONES, DEFAULTS, tiles_per_chunk=0), "tiles_per_chunk = 0 must be at least 1"),
    (partial(node_voltages, torch.ones(2, 3, 4), DEFAULTS, THREE), r"conductance: shape \(2, 3, 4\) must be"),
    (partial(node_voltages, ONES, DEFAULTS, torch.ones(4)), r"voltages: shape \(4,\) must be \(3,\) or"),
    (partial(node_voltages, ONES, DEFAULTS, torch.ones(1, 1, 3)), "voltages: shape"),
    (partial(node_voltages, ONES, DEFAULTS, THREE * torch.nan), "voltages: every value must be finite"),
    (partial(node_voltages, -ONES, DEFAULTS, THREE), "holds -1"),
    *((partial(reference_effective_conductance, tile, DEFAULTS), says)
      for tile, says in ((np.ones(3), "must be"), (np.ones((2, 0)), "must be"), (np.full((2, 2), -1.0), "finite"),
                         (np.full((2, 2), np.nan), "finite"))),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_solved_is_refused_in_one_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
