"""The referee against arithmetic that does not round, over conductances that span many decades."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from circuits import ohms
from hypothesis import given
from hypothesis import strategies as st

from xbarpaper.hardware.circuit import Parasitics, reference_effective_conductance

# Relative to the largest element. The result is rounded to float64 once, at 1e-16; what is left of the solution's
# own rounding is smaller than that with an 80-bit longdouble, and about as large where longdouble is float64.
EXACT = 1e-14


def _exact(G: np.ndarray, parasitics: Parasitics, number: Callable[[float], Any]) -> np.ndarray:
    """G_eff by Gaussian elimination on the device currents X of X + G * (X K_r + K_c X) = G * (V 1^T).

    It needs no nodes and hence no merging of them. Every leading minor of the system is positive, as it is a
    positive diagonal times (a positive definite matrix), so no pivot is ever zero.
    """
    rows = len(G)
    driver, row_wire, column_wire, sense = (number(ohm) for _, ohm in parasitics)
    cells = [(i, j) for i, j in np.ndindex(G.shape) if G[i, j] > 0]
    size = len(cells)
    system = np.full((size, size + rows), number(0.0), dtype=object)
    for a, (i, j) in enumerate(cells):
        g = number(float(G[i, j]))
        system[a, a] += 1
        system[a, size + i] = g
        for b, (k, l) in enumerate(cells):  # noqa: E741
            if k == i:
                system[a, b] += g * (driver + row_wire * min(j, l))
            if l == j:
                system[a, b] += g * (sense + column_wire * (rows - 1 - max(i, k)))
    for a in range(size):
        system[a] /= system[a, a]
        system[a + 1 :] -= np.multiply.outer(system[a + 1 :, a], system[a])
    for a in reversed(range(size)):
        system[:a, size:] -= np.multiply.outer(system[:a, a], system[a, size:])
    G_eff = np.full(G.shape, number(0.0), dtype=object)
    for a, (_, j) in enumerate(cells):
        G_eff[:, j] += system[a, size:]
    return G_eff.astype(np.float64)


def _error(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference relative to the largest expected element; absolute where nothing conducts."""
    return float(np.abs(found - expected).max() / (np.abs(expected).max() or 1.0))


def _decades(low: float, high: float, *shape: int, seed: int = 0) -> np.ndarray:
    return 10.0 ** np.random.default_rng(seed).uniform(low, high, shape)


@st.composite
def tiny_tiles(draw: st.DrawFn) -> np.ndarray:
    rows, columns = draw(st.sampled_from([(1, 1), (1, 3), (3, 1), (2, 2), (2, 3), (3, 3)]))
    siemens = st.just(0.0) | st.floats(-12.0, 0.0).map(lambda exponent: 10.0**exponent)
    values = draw(st.lists(siemens, min_size=rows * columns, max_size=rows * columns))
    return np.array(values).reshape(rows, columns)


resistances = st.just(0.0) | st.floats(-6.0, 5.0).map(lambda exponent: 10.0**exponent)

EXTREME = [
    ohms(1e5, 1e-6, 1e-6, 1e5), ohms(1e-6, 1e5, 1e5, 1e-6), ohms(1e5, 1e-6, 0.0, 1e-6),
    ohms(0.0, 1e-6, 1e-6, 1e5), ohms(1e-6, 0.0, 1e5, 1e5), ohms(1e5, 0.0, 1e-6, 0.0), ohms(1e5, 0.0, 0.0, 1e5),
]  # fmt: skip
TINY = {
    "low": np.full((3, 3), 1e-12),
    "high": np.ones((3, 3)),
    "both": np.array([[1e-12, 1.0, 1e-12], [1.0, 1e-12, 0.0]]),
    "one good path": np.array([[1e-12, 1e-12], [1e-12, 1.0], [0.0, 1e-12]]),
    "twelve decades": _decades(-12, 0, 3, 3),
}


@pytest.mark.parametrize("G", TINY.values(), ids=TINY)
@pytest.mark.parametrize("parasitics", EXTREME, ids=str)
def test_equals_rational_arithmetic(G: np.ndarray, parasitics: Parasitics) -> None:
    expected = _exact(G, parasitics, Fraction)
    assert _error(reference_effective_conductance(G, parasitics), expected) <= EXACT


@given(tiny_tiles(), st.builds(ohms, resistances, resistances, resistances, resistances))
def test_equals_rational_arithmetic_for_any_tiny_tile(G: np.ndarray, parasitics: Parasitics) -> None:
    expected = _exact(G, parasitics, Fraction)
    assert _error(reference_effective_conductance(G, parasitics), expected) <= EXACT


@pytest.mark.parametrize(("rows", "columns"), [(1, 50), (50, 1), (8, 9)])
@pytest.mark.parametrize("parasitics", EXTREME[:4], ids=str)
def test_equals_long_decimal_arithmetic_along_longer_wires(
    rows: int, columns: int, parasitics: Parasitics
) -> None:
    G = _decades(-12, 0, rows, columns)
    with decimal.localcontext(prec=80):
        expected = _exact(G, parasitics, Decimal)
    assert _error(reference_effective_conductance(G, parasitics), expected) <= EXACT


def test_the_exact_solution_knows_one_device() -> None:
    G = np.array([[0.0, 0.0], [0.0, 0.25], [0.0, 0.0]])
    # driver 1, one row segment 2, the device 4, one column segment 8, sense 16: 31 ohm in series
    expected = np.array([[0.0, 0.0], [0.0, 1 / 31], [0.0, 0.0]])
    assert np.array_equal(_exact(G, ohms(1.0, 2.0, 8.0, 16.0), Fraction), expected)


def test_the_plain_solution_is_what_refinement_improves() -> None:
    G = _decades(-5.3, -4.3, 8, 9)
    usual = Parasitics()
    refined = reference_effective_conductance(G, usual)
    assert _error(reference_effective_conductance(G, usual, refine=False), refined) <= 1e-12
    # A ratio of 1e11 costs the plain solution most of its sixteen digits.
    wide = EXTREME[0]
    refined = reference_effective_conductance(G, wide)
    assert _error(reference_effective_conductance(G, wide, refine=False), refined) >= 1e-10


@pytest.mark.parametrize("parasitics", [ohms(0.0, 0.0, 0.0, 0.0), *EXTREME], ids=str)
@pytest.mark.parametrize("refine", [True, False])
def test_a_tile_without_devices_conducts_nothing(parasitics: Parasitics, refine: bool) -> None:
    G_eff = reference_effective_conductance(np.zeros((2, 3)), parasitics, refine=refine)
    assert np.array_equal(G_eff, np.zeros((2, 3)))


@pytest.mark.parametrize("ohm", [1e-25, 1e-300])
def test_refuses_what_it_cannot_solve(ohm: float) -> None:
    """Such wires are as good as none, but the sums in their nodes have lost everything else."""
    with pytest.raises(ArithmeticError, match="span too many decades") as caught:
        reference_effective_conductance(_decades(-6, 0, 4, 4), ohms(1e5, ohm, ohm, 1e5))
    assert "\n" not in str(caught.value)
