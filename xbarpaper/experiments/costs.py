"""Energy, area and latency of an experiment's networks: every scheme, crossbar size and mitigation, for one image.

Conversions and drives are counted from the mapping. The power of the arrays is that of the solved circuits, devices as
programmed. No image is evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import pandas as pd

from xbarpaper.experiments import crossbars
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.hardware.costs import LATENCIES, Load, loads, summed
from xbarpaper.mitigation import NONE, PC, WCT, R
from xbarpaper.params import AdcName, ColumnsCounted, HardwareCosts, SchemeName
from xbarpaper.params.names import ADC_BITS
from xbarpaper.support import progress, spreading

STAGE: Final = "16_costs"
MITIGATIONS: Final = (NONE, R, WCT, PC)
"""Those whose energy is told."""


@dataclass(frozen=True)
class Loaded:
    """A mapped network as a load of its crossbars: how it was made, its compression rate, a load for each layer."""

    scheme: SchemeName
    crossbar_size: int
    mitigation: str
    compression_rate: float
    loads: tuple[Load, ...]


def loaded(experiment: Experiment) -> list[Loaded]:
    """What one image asks of the crossbars of every network; the circuits are solved here."""
    params = experiment.params
    subjects = list(crossbars.subjects(experiment, MITIGATIONS, params.mapping.crossbar_sizes))
    others = (params.costs, params.devices.nominal, params.circuit)
    tasks = (
        spreading.Task(number, f"{one.label} {one.mitigation}", loads, (one.mapped, *others))
        for number, one in enumerate(subjects)
    )
    with (
        spreading.workers(params.execution) as workers,
        progress.bar("solving circuits", len(subjects), "network") as bar,
    ):
        found = spreading.in_order(workers, tasks, bar.update)
    return [
        Loaded(one.scheme, one.mapped.crossbar_size, one.mitigation, one.mapped.compression_rate, own)
        for one, own in zip(subjects, found, strict=True)
    ]


def energy_table(experiment: Experiment, networks: Sequence[Loaded]) -> pd.DataFrame:
    """Energy, area and latency of one image, a row for each network, converter, and way of counting columns.

    Networks under a mitigation are told for the profile's converter and columns alone.

    Returns:
        Columns: experiment, dataset, network, scheme, crossbar_size, mitigation, adc, columns, crossbars,
        compression_rate, macs, conversions, drives; adc_uj, driver_uj, array_uj, digital_uj and memory_uj, which add up
        to energy_uj; adc_share; area_mm2, latency_us; energy_ratio, area_ratio and latency_ratio: of the unpruned
        network to this one, at the same size, converter and columns.
    """
    settings = experiment.params.costs
    least = {name: bits for name, bits in ADC_BITS.items() if bits[0] <= settings.adc_bits <= bits[1]}
    rows = [
        _row(one, settings, adc, columns)
        for one in networks
        for adc in least
        for columns in get_args(ColumnsCounted)
        if one.mitigation == "none" or (adc, columns) == (settings.adc, settings.columns)
    ]
    table = pd.DataFrame(rows)
    keys = ["crossbar_size", "adc", "columns"]
    whole = table[(table["scheme"] == "unpruned") & (table["mitigation"] == "none")].set_index(keys)
    at = pd.MultiIndex.from_frame(table[keys])
    for ratio, value in {"energy": "energy_uj", "area": "area_mm2", "latency": "latency_us"}.items():
        table[f"{ratio}_ratio"] = whole.loc[at, value].to_numpy() / table[value].to_numpy()
    return with_leading(table, experiment.leading)


def _row(one: Loaded, settings: HardwareCosts, adc: AdcName, columns: ColumnsCounted) -> dict[str, Any]:
    costs = summed(one.loads, settings, adc, columns)
    return {
        "scheme": one.scheme, "crossbar_size": one.crossbar_size, "mitigation": one.mitigation, "adc": adc,
        "columns": columns, "crossbars": costs.crossbars, "compression_rate": one.compression_rate, "macs": costs.macs,
        "conversions": costs.conversions, "drives": costs.drives,
        **{f"{name}_uj": part * 1e-6 for name, part in costs.parts_pj.items()},
        "energy_uj": costs.energy_pj * 1e-6, "adc_share": costs.adc_pj / costs.energy_pj,
        "area_mm2": costs.area_um2 * 1e-6, "latency_us": costs.latency_ns * 1e-3,
    }  # fmt: skip


def latency_table(experiment: Experiment, networks: Sequence[Loaded]) -> pd.DataFrame:
    """Latency of one image, microseconds, by each rule of ``LATENCIES``, without mitigation."""
    settings, rows = experiment.params.costs, []
    for one in networks:
        if one.mitigation == "none":
            row: dict[str, Any] = {"scheme": one.scheme, "crossbar_size": one.crossbar_size}
            for rule in LATENCIES:
                costs = summed(one.loads, settings, settings.adc, settings.columns, rule)
                row[rule] = costs.latency_ns * 1e-3
            rows.append(row)
    return pd.DataFrame(rows)
