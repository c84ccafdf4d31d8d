"""Conventions of other simulators: each against what the simulator itself, or its published algorithm, computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xbarpaper.hardware.circuit import reference_effective_conductance
from xbarpaper.hardware.simulators import CONVENTIONS, effective_conductance_as

WIRES = {"row_wire_ohm": 7.0, "column_wire_ohm": 12.0}


def tile(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 5e-6 + 45e-6 * torch.rand(rows, columns, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(1, 1), (6, 9), (16, 16)])
def test_badcrossbar_means_what_the_table_says(shape: tuple[int, int]) -> None:
    badcrossbar = pytest.importorskip("badcrossbar")
    G = tile(*shape)
    options = {"r_i_word_line": 7.0, "r_i_bit_line": 12.0, "node_voltages": False, "all_currents": False}
    solution = badcrossbar.compute(np.eye(len(G)), 1 / G.numpy(), **options)
    found = effective_conductance_as("badcrossbar", G, **WIRES)
    np.testing.assert_allclose(found, solution.currents.output, rtol=1e-9)


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 99), st.floats(0.1, 200))
def test_aihwkit_is_a_ladder_for_each_column(rows: int, columns: int, seed: int, ohm: float) -> None:
    """Thevenin's voltage and resistance from the far end on, as its code has them; odd columns begin at the other end."""
    G = tile(rows, columns, seed).numpy()
    expected = np.empty_like(G)
    for column, devices in enumerate(G.T):
        order = np.arange(rows)[:: -1 if column % 2 else 1]
        for driven in range(rows):
            volt, resistance = float(order[0] == driven), 1 / devices[order[0]]
            for row in order[1:]:
                before = resistance + ohm
                resistance = 1 / (1 / before + devices[row])
                volt = (volt / before + float(row == driven) * devices[row]) * resistance
            expected[driven, column] = volt / (resistance + ohm / 2)
    found = effective_conductance_as("AIHWKit", torch.from_numpy(G), row_wire_ohm=3.0, column_wire_ohm=ohm)
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("name", [name for name, one in CONVENTIONS.items() if not one.odd_columns_turned])
def test_a_convention_is_the_circuit_of_its_parasitics(name: str) -> None:
    G = tile(8, 5)
    found = effective_conductance_as(name, torch.stack([G, 2 * G]), source_ohm=40.0, **WIRES)
    circuit = CONVENTIONS[name].parasitics(7.0, 12.0, 40.0)
    for one, expected in zip(found, (G, 2 * G), strict=True):
        np.testing.assert_allclose(one, reference_effective_conductance(expected.numpy(), circuit), rtol=1e-9)


def test_an_unknown_simulator_is_named() -> None:
    said = r"simulator = spice must be one of badcrossbar, CrossSim, .*AIHWKit"
    with pytest.raises(ValueError, match=said):
        effective_conductance_as("spice", tile(2, 2), **WIRES)
