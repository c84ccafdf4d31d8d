"""Energy, area and latency: published blocks, the worked layer, the law of compression, the power of the supplies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from circuits import DEFAULTS, PARASITICS
from hypothesis import given
from hypothesis import strategies as st

from xbarpaper.hardware.circuit import node_voltages, reference_effective_conductance
from xbarpaper.hardware.circuit.supply import mean_supply_conductance, supply_admittance
from xbarpaper.hardware.conductances import digits_of, sliced_conductances
from xbarpaper.hardware.costs import ADCS, LATENCIES, Load, load_costs, load_of
from xbarpaper.hardware.costs.blocks import (
    cimloop_adc_pj,
    cimloop_adc_um2,
    neurosim_flash_pj,
    neurosim_sar_pj,
)
from xbarpaper.hardware.tiles import tile_map
from xbarpaper.params import Devices, HardwareCosts, Parasitics
from xbarpaper.params.names import ADC_BITS
from xbarpaper.pruning.compaction import Strip

ISAAC = ADCS["isaac"]
MEAN_SIEMENS, ACTIVE = 15e-6, 0.5


def worked(strips: list[Strip] | None = None, slices: int = 1) -> Load:
    """The layer 128 -> 128, 3 x 3, of 16 x 16 pixels on crossbars of 64 x 64, 15 µS a cell, half the inputs set."""
    strips = strips or [Strip(torch.arange(1152), torch.arange(128))]
    cells = sum(len(strip.rows) * len(strip.columns) for strip in strips)
    return load_of(tile_map(strips, (1152, 128), 64), cells, 256, 2 * slices * cells * MEAN_SIEMENS * ACTIVE)


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        (
            1,
            {
                "crossbars": 72, "macs": 37_748_736, "conversions": 9_437_184, "drives": 9_437_184, "adc": 14.7456,
                "driver": 3.6864, "array": 1.81194, "shift_add": 0.19661, "sample_hold": 0.00922,
                "accumulate": 0.05014, "input_buffer": 0.18874, "input_wire": 0.25480, "output_buffer": 0.04194,
                "sum_wire": 0.76441, "total": 21.7498, "share": 67.8, "short": 18.4320, "short_share": 80.0,
                "pj_per_mac": 0.5762, "adc_mm2": 0.6912, "driver_mm2": 0.00076,
            },
        ),
        (
            4,
            {
                "crossbars": 288, "macs": 37_748_736, "conversions": 37_748_736, "drives": 37_748_736,
                "adc": 58.9824, "driver": 14.7456, "array": 7.24776, "shift_add": 0.78643, "sample_hold": 0.03686,
                "accumulate": 0.05014, "input_buffer": 0.18874, "input_wire": 1.01922, "output_buffer": 0.04194,
                "sum_wire": 0.76441, "total": 83.8635, "share": 70.3, "short": 70.5925, "short_share": 83.6,
                "pj_per_mac": 2.2216, "adc_mm2": 2.7648, "driver_mm2": 0.00306, "array_mm2": 0.00483,
            },
        ),
    ],
    ids=["analog", "sliced"],
)  # fmt: skip
def test_the_worked_layer_to_all_its_digits(slices: int, expected: dict[str, float]) -> None:
    load, settings = worked(slices=slices), HardwareCosts(weight_slices=slices, driver_ns=100)
    found = load_costs(load, settings, ISAAC, "used")
    brief = load_costs(load, settings.model_copy(update={"driver_ns": 10.0}), ISAAC, "used")
    values: dict[str, float] = {name: value * 1e-6 for name, value in vars(found).items()}
    values = {name.removesuffix("_pj").replace("_um2", "_mm2"): value for name, value in values.items()}
    values |= {name: vars(found)[name] for name in ("crossbars", "macs", "conversions", "drives")}
    values |= {"total": found.energy_pj * 1e-6, "share": 100 * found.adc_pj / found.energy_pj}
    values |= {"short": brief.energy_pj * 1e-6, "short_share": 100 * brief.adc_pj / brief.energy_pj}
    values |= {"pj_per_mac": found.energy_pj / found.macs}
    for name, value in expected.items():
        digits = len(str(value).partition(".")[2])
        assert values[name] == pytest.approx(value, abs=0.5000001 * 10**-digits), name
    assert found.energy_pj == pytest.approx(sum(v for name, v in vars(found).items() if name.endswith("_pj")))


@pytest.mark.parametrize(
    ("rule", "read_ns", "microseconds"),
    [
        ("overlapped", 10, 20.48), ("sequential", 10, 33.28), ("overlapped", 100, 204.8), ("sequential", 100, 217.6),
        ("MNSIM", 10, 228.93), ("NeuroSim", 10, 147.46),
    ],
)  # fmt: skip
def test_the_latency_of_the_worked_layer(rule: str, read_ns: float, microseconds: float) -> None:
    found = load_costs(worked(), HardwareCosts(read_ns=read_ns), ISAAC, "used", rule)
    assert found.latency_ns * 1e-3 == pytest.approx(microseconds, abs=0.005)
    assert rule in LATENCIES


@pytest.mark.parametrize(("bits", "total", "share"), [(4, 39.59, 37.2), (6, 58.02, 57.2), (8, 83.83, 70.4)])
def test_the_sliced_layer_by_bits_of_its_converter(bits: int, total: float, share: float) -> None:
    settings = HardwareCosts(weight_slices=4, adc_bits=bits, driver_ns=100)
    found = load_costs(worked(slices=4), settings, ISAAC, "used")
    energy = (found.energy_pj - found.sample_hold_pj) * 1e-6  # the published sum leaves it out
    assert energy == pytest.approx(total, abs=0.005)
    assert 1e-4 * found.adc_pj / energy == pytest.approx(share, abs=0.05)


ROWS, COLUMNS = torch.arange(1152), torch.arange(128)
KEPT = {
    "dense": ([Strip(ROWS, COLUMNS)], 72, 20.4405, 1.0),
    "C/F, half by half": ([Strip(ROWS[:576], COLUMNS[:64])], 18, 5.1101, 4.0),
    "XCS, 32 of 128 columns in every strip": (
        [Strip(ROWS[64 * k : 64 * (k + 1)], COLUMNS[k : k + 32]) for k in range(18)], 36, 6.0317, 3.389,
    ),
    "XRS, 288 of 1152 rows in both strips": (
        [Strip(ROWS[k::4], COLUMNS[64 * k : 64 * (k + 1)]) for k in range(2)], 20, 5.5252, 3.700,
    ),
    "XCS, half": ([Strip(ROWS[64 * k : 64 * (k + 1)], COLUMNS[:64]) for k in range(18)], 36, 10.2203, 2.0),
    "XRS, half": ([Strip(ROWS[k::2], COLUMNS[64 * k : 64 * (k + 1)]) for k in range(2)], 36, 10.2203, 2.0),
}  # fmt: skip


@pytest.mark.parametrize(("strips", "crossbars", "microjoules", "saved"), KEPT.values(), ids=KEPT)
def test_the_law_of_compression(
    strips: list[Strip], crossbars: int, microjoules: float, saved: float
) -> None:
    """Crossbars understate what XCS saves where empty columns are skipped, and tell it exactly where they are not."""
    settings = HardwareCosts(driver_ns=100)
    found, dense = (load_costs(worked(one), settings, ISAAC, "used") for one in (strips, None))
    published = [one.adc_pj + one.driver_pj + one.array_pj + one.shift_add_pj for one in (found, dense)]
    assert found.crossbars == crossbars
    assert published[0] * 1e-6 == pytest.approx(microjoules, abs=6e-5)
    assert published[1] / published[0] == pytest.approx(saved, abs=6e-4)
    every, whole = (load_costs(worked(one), settings, ISAAC, "all") for one in (strips, None))
    assert whole.conversions / every.conversions == whole.crossbars / every.crossbars == 72 / crossbars


# --- blocks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([ISAAC.energy_pj(bits) for bits in (4, 6, 8)], [0.390625, 0.878906, 1.5625]),
        (
            [cimloop_adc_pj(bits) for bits in range(4, 11)],
            [0.9237, 0.9363, 1.0651, 1.3122, 1.7137, 2.3401, 3.3097],
        ),
        ([cimloop_adc_pj(8, samples_per_second=1.28e9), cimloop_adc_pj(11)], [1.9292, 9.292]),
        ([cimloop_adc_pj(bits, node_nm=65) for bits in (4, 6, 8)], [3.5007, 4.0364, 6.4945]),
        ([cimloop_adc_um2(8)], [3938.9]),
        ([neurosim_sar_pj(bits, 2951.389 * 0.5 / 0.51) for bits in (4, 6, 8)], [0.20705, 0.30569, 0.41336]),
        ([neurosim_flash_pj(bits, 2951.389) for bits in (4, 6, 8)], [0.08529, 0.27560, 1.03684]),
        ([ADCS["mnsim"].energy_pj(8), ADCS["mnsim"].conversion_ns(8)], [15.625, 7.8125]),
    ],
)
def test_converters_have_their_published_energies(found: list[float], expected: list[float]) -> None:
    for one, value in zip(found, expected, strict=True):
        digits = len(str(value).partition(".")[2])
        # half of the last digit, and what the last printed digit of the coefficients moves
        assert one == pytest.approx(value, abs=0.6 * 10**-digits)


def test_every_converter_has_a_price_for_each_of_its_bits() -> None:
    assert list(ADCS) == list(ADC_BITS)
    for name, (least, most) in ADC_BITS.items():
        energies = [ADCS[name].energy_pj(bits) for bits in range(least, most + 1)]
        assert energies[0] > 0
        assert energies == sorted(energies), name


# --- the power of the supplies ---------------------------------------------------------------------------------


def nodal_admittance(G: np.ndarray, wires: Parasitics) -> np.ndarray:
    """Currents of the supplies per volt, from the nodal equations of the whole tile, written out densely."""
    M, N = G.shape
    row, column = np.arange(M * N).reshape(M, N) + M, np.arange(M * N).reshape(M, N) + M + M * N
    ground = M + 2 * M * N
    branches = [(i, row[i, 0], wires.driver_ohm) for i in range(M)]
    branches += [(row[i, j], row[i, j + 1], wires.row_wire_ohm) for i in range(M) for j in range(N - 1)]
    branches += [
        (column[i, j], column[i + 1, j], wires.column_wire_ohm) for i in range(M - 1) for j in range(N)
    ]
    branches += [(column[-1, j], ground, wires.sense_ohm) for j in range(N)]
    L = np.zeros((ground + 1, ground + 1))
    # No resistance is a very small one here: the rounding of so stiff a circuit limits the comparison to 1e-5.
    ends = [(a, b, 1 / max(ohm, 1e-4)) for a, b, ohm in branches]
    ends += [(row[i, j], column[i, j], G[i, j]) for i in range(M) for j in range(N)]
    for a, b, g in ends:
        L[[a, b], [a, b]] += g
        L[[a, b], [b, a]] -= g
    inner = np.arange(M, ground)
    return L[:M, :M] - L[:M, inner] @ np.linalg.solve(L[np.ix_(inner, inner)], L[inner, :M])


@pytest.mark.parametrize("wires", PARASITICS, ids=str)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 4), (5, 1), (4, 6), (7, 3)])
def test_the_supplies_deliver_what_the_nodal_equations_say(
    wires: Parasitics, rows: int, columns: int
) -> None:
    G = np.random.default_rng(rows * columns).uniform(5e-6, 50e-6, (rows, columns))
    G[rows // 2, columns // 2] = 0 if rows * columns > 1 else G[0, 0]  # a missing device
    Y = supply_admittance(torch.from_numpy(G)[None], wires)[0].numpy()
    np.testing.assert_allclose(Y, nodal_admittance(G, wires), atol=1e-5 * Y.max())
    # with all rows driven, every ampere of the supplies arrives in a column
    assert Y.sum() == pytest.approx(reference_effective_conductance(G, wires).sum(), rel=1e-10)


def test_rows_at_zero_volt_take_current_so_column_currents_understate_the_power() -> None:
    G = torch.full((1, 16, 16), 25e-6, dtype=torch.float64)
    V = torch.tensor([1.0, 0.0] * 8, dtype=torch.float64)
    inside = node_voltages(G[0], DEFAULTS, V)
    power = float(V @ supply_admittance(G, DEFAULTS)[0] @ V)
    assert power == pytest.approx(float(V @ inside.current.sum(1)), rel=1e-10)
    assert float(inside.current.sum()) < 0.9 * power


@pytest.mark.parametrize("active", [0.25, 0.5, 0.9])
def test_the_mean_power_is_that_of_all_input_patterns(active: float) -> None:
    G = torch.rand(1, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 50e-6
    Y = supply_admittance(G, DEFAULTS)[0]
    patterns = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 5)
    chance = (patterns * active + (1 - patterns) * (1 - active)).prod(1)
    expected = float((chance * ((patterns @ Y) * patterns).sum(1)).sum())
    assert float(mean_supply_conductance(G, DEFAULTS, active)) == pytest.approx(expected, rel=1e-12)
    ideal = float(mean_supply_conductance(G, None, active))
    assert ideal == pytest.approx(active * float(G.sum()), rel=1e-12)
    assert expected < ideal  # wires only take


# --- slices ----------------------------------------------------------------------------------------------------


def test_a_weight_of_the_sheet_is_sliced() -> None:
    pairs = sliced_conductances(torch.tensor([-93.0], dtype=torch.float64), Devices(), 127.0, 8, 4)
    assert [round(1e6 * float(pair.minus), 9) for pair in pairs] == [20, 50, 20, 20]
    assert [round(1e6 * float(pair.plus), 9) for pair in pairs] == [5, 5, 5, 5]


@given(weights=st.lists(st.floats(-2, 2), min_size=1, max_size=20), bits=st.integers(2, 12), data=st.data())
def test_digits_add_up_to_the_rounded_weight(weights: list[float], bits: int, data: Any) -> None:
    slices = data.draw(st.integers(1, bits - 1))
    w = torch.tensor(weights, dtype=torch.float64)
    digits = digits_of(w, 1.5, bits, slices)
    base, most = 2 ** math.ceil((bits - 1) / slices), 2 ** (bits - 1) - 1
    assert digits.abs().max() < base
    whole = sum(digit * base**place for place, digit in enumerate(digits))
    torch.testing.assert_close(whole, (w / 1.5 * most).round().clamp(-most, most), rtol=0, atol=0)
