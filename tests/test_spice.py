"""The nodal equations against ngspice, which knows nothing of this library but the netlists it writes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from circuits import DEFAULTS, IDEAL, PARASITICS, ohms
from programs import program

from xbarpaper.hardware.circuit import Parasitics, reference_effective_conductance
from xbarpaper.hardware.circuit.spice import read_currents, spice_netlist

# ngspice loses 1e-16 times the ratio of the resistances along a wire, which is 1e5 at most here, and a little
# more with the length of the wires. Currents of opposite sign may cancel, so its error is measured against the
# largest current that could flow.
EXACT = 1e-10


SHAPES = [(1, 1), (1, 9), (8, 1), (2, 3), (16, 16), (20, 37)]
SIEMENS = {"usual": (5e-6, 5e-5), "twelve decades": (1e-12, 1.0), "as low as gmin": (1e-12, 1.1e-12)}


def _tile(rows: int, columns: int, siemens: tuple[float, float], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A random tile with missing devices, an empty row and an empty column, and voltages of both signs."""
    rng = np.random.default_rng(seed)
    low, high = np.log10(siemens)
    G = 10.0 ** rng.uniform(low, high, (rows, columns))
    if rows > 1 and columns > 1:
        G[rng.random(G.shape) < 0.2] = 0.0
        G[rng.integers(rows)] = 0.0
        G[:, rng.integers(columns)] = 0.0
    return G, rng.uniform(-1.0, 1.0, rows)


def _currents_by_ngspice(netlist: str, folder: Path) -> np.ndarray:
    """Column currents as a reader gets them; an empty home keeps a personal .spiceinit out of it."""
    (folder / "tile.cir").write_text(netlist)
    done = subprocess.run(
        [program("ngspice"), "-b", "tile.cir"], capture_output=True, text=True, cwd=folder,
        env={**os.environ, "HOME": str(folder)}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for complaint in ("warning", "error", "singular"):
        assert complaint not in (done.stdout + done.stderr).lower()
    return read_currents(done.stdout)


@pytest.mark.parametrize("siemens", SIEMENS.values(), ids=SIEMENS)
@pytest.mark.parametrize(("rows", "columns"), SHAPES)
@pytest.mark.parametrize("parasitics", PARASITICS, ids=str)
def test_ngspice_agrees(
    rows: int, columns: int, parasitics: Parasitics, siemens: tuple[float, float], tmp_path: Path
) -> None:
    seed = 100 * rows + columns + PARASITICS.index(parasitics)
    G, voltages = _tile(rows, columns, siemens, seed)
    found = _currents_by_ngspice(spice_netlist(G, parasitics, voltages), tmp_path)
    G_eff = reference_effective_conductance(G, parasitics)
    scale = (np.abs(voltages) @ G_eff).max() or 1.0
    assert found.shape == (columns,)
    assert np.abs(found - voltages @ G_eff).max() <= EXACT * scale


def test_ngspice_knows_one_device(tmp_path: Path) -> None:
    """By hand: -0.5 V across driver 1000, device 65 536 and sense 1000 ohm; currents leave by the ground."""
    netlist = spice_netlist([[2.0**-16]], DEFAULTS, [-0.5])
    found = _currents_by_ngspice(netlist, tmp_path)
    assert found == pytest.approx([-0.5 / 67_536], rel=1e-14)


def test_the_netlist_of_one_device() -> None:
    expected = """\
Crossbar tile, 1 x 1 devices
* ngspice -b prints i(vcolumn<j>), the current in ampere into the virtual ground of column j
.options gmin=1e-30 gshunt=0 reltol=1e-12 abstol=1e-30 vntol=1e-30 pivtol=1e-30
Vrow0 in0 0 DC -0.5
Rdriver0 in0 r0_0 1000.0
Rsense0 c0_0 out0 1000.0
Rdevice0_0 r0_0 c0_0 65536.0
Vcolumn0 out0 0 DC 0
.control
set numdgt=15
op
print i(vcolumn0)
quit
.endc
.end
"""
    assert spice_netlist([[2.0**-16]], DEFAULTS, [-0.5]) == expected


def _resistors(conductance: list[list[float]], parasitics: Parasitics) -> list[str]:
    lines = spice_netlist(conductance, parasitics, [1.0] * len(conductance)).splitlines()
    return [line for line in lines if line.startswith("R")]


@pytest.mark.parametrize(
    ("parasitics", "device"),
    [
        (IDEAL, "in0 out1"), (ohms(1.0, 0.0, 0.0, 1.0), "r0_0 c1_1"), (ohms(0.0, 1.0, 1.0, 0.0), "r0_1 c0_1"),
        (ohms(0.0, 0.0, 1.0, 0.0), "in0 c0_1"), (ohms(0.0, 1.0, 0.0, 0.0), "r0_1 out1"),
    ],
)  # fmt: skip
def test_zero_resistance_merges_nodes(parasitics: Parasitics, device: str) -> None:
    lines = _resistors([[0.0, 0.5], [0.0, 0.0]], parasitics)
    assert lines[-1] == f"Rdevice0_1 {device} 2.0"
    assert all(line.split()[-1] in ("1.0", "2.0") for line in lines)


TWO = np.ones((2, 3))


@pytest.mark.parametrize(
    ("conductance", "voltages", "message"),
    [
        ([[1e-5, np.nan]], [1.0], "conductance: holds nan, must be 0 or from"),
        ([[1e-5, np.inf]], [1.0], "conductance: holds inf"),
        ([[1e-5, -1e-9]], [1.0], "conductance: holds -1e-09"),
        ([[1e-5, 1e-310]], [1.0], "conductance: holds 1e-310"),
        ([1e-5, 1e-5], [1.0], r"conductance: shape \(2,\) must be"),
        (np.ones((1, 2, 2)), [1.0], r"conductance: shape \(1, 2, 2\) must be"),
        (np.ones((1, 0)), [1.0], r"conductance: shape \(1, 0\) must be"),
        (TWO, [1.0], r"voltages: shape \(1,\) must be \(2,\)"),
        (TWO, [1.0, 1.0, 1.0], r"voltages: shape \(3,\) must be \(2,\)"),
        (TWO, [[1.0, 1.0]], r"voltages: shape \(1, 2\) must be \(2,\)"),
        (TWO, 1.0, r"voltages: shape \(\) must be \(2,\)"),
        (TWO, [1.0, np.nan], "voltages: holds nan, must be finite"),
        (TWO, [1.0, -np.inf], "voltages: holds -inf, must be finite"),
    ],
)
def test_refuses_what_is_no_tile_and_what_drives_none(
    conductance: list[list[float]], voltages: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        spice_netlist(conductance, DEFAULTS, voltages)
    assert "\n" not in str(caught.value)


def test_refuses_a_resistance_without_a_reciprocal() -> None:
    with pytest.raises(ValueError, match=r"parasitics.row_wire_ohm = 1e-310 must be 0 or from 1e-300"):
        spice_netlist([[1.0]], ohms(1.0, 1e-310, 1.0, 1.0), [1.0])


def test_reads_currents_among_other_lines() -> None:
    output = "\nCircuit: tile\n\nNo. of Data Rows : 1\ni(vcolumn0) = -9.80392156862745e-06\ni(vcolumn1) = 0.0\ndone\n"
    assert np.array_equal(read_currents(output), [-9.80392156862745e-06, 0.0])


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", "no line"),
        ("ngspice-39 done\n", "no line"),
        ("i(vcolumn1) = 1.0\n", r"columns \[1\], must be"),
        ("i(vcolumn0) = 1.0\ni(vcolumn0) = 1.0\n", r"columns \[0, 0\], must be"),
        ("i(vcolumn0) = nan\n", r"i\(vcolumn0\) = nan must be a finite number"),
        ("i(vcolumn0) = none\n", r"i\(vcolumn0\) = none must be a finite number"),
    ],
)
def test_refuses_other_output(output: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_currents(output)
    assert "\n" not in str(caught.value)
