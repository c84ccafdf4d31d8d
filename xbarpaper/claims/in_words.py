"""Tables as notebooks show them: words with units for names, no counter of rows, a dash for what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd

from xbarpaper.claims.names import SCHEME_NAMES, gain_words
from xbarpaper.params.names import ADC_TITLES
from xbarpaper.support.words import square

ABSENT: Final = "–"

HEADS: Final[Mapping[str, str]] = {
    "accuracy": "accuracy (%)",
    "adc": "converter",
    "adc_bits": "bits of a conversion",
    "adc_share": "share of the converters",
    "adc_uj": "converters (µJ)",
    "area_mm2": "area (mm²)",
    "area_ratio": "area saved (×)",
    "array_uj": "array (µJ)",
    "axis": "what acts",
    "by_energy": "by energy saved",
    "by_rate": "by compression rate",
    "chip_images": "images per chip",
    "chip_solutions": "solutions per chip",
    "circuit_solutions": "circuit solutions",
    "compression_rate": "compression rate (×)",
    "crossbar_size": "crossbar",
    "crossbars_unpruned": "crossbars, unpruned",
    "digital_uj": "digital (µJ)",
    "driver_uj": "row drivers (µJ)",
    "drives": "row drives",
    "effects": "what acts",
    "energy_uj": "in all (µJ)",
    "epsilon": "largest change (1/255)",
    "error": "error (%)",
    "first": "first epoch",
    "gain": "readout",
    "gained": "gained (points)",
    "gained_high": "gained, high",
    "gained_low": "gained, low",
    "highest_bits": "bits needed, high",
    "ideal": "ideal converters (%)",
    "kept_weights": "weights kept",
    "last": "last epoch",
    "latency_us": "latency (µs)",
    "loss_reduced": "loss reduced (points)",
    "loss_reduced_high": "loss reduced, high",
    "loss_reduced_low": "loss reduced, low",
    "lossless_bits": "bits that lose nothing",
    "lost": "lost (points)",
    "low_conductance_share": "low-conductance share",
    "lowest_bits": "bits needed, low",
    "macs": "multiplications",
    "memory_uj": "buffers and wires (µJ)",
    "needed_bits": "bits needed",
    "nf": "non-ideality factor",
    "node_nm": "node (nm)",
    "on_off_ratio": "ON/OFF ratio",
    "output_error": "error of the outputs",
    "overlapped": "overlapped (µs)",
    "pairs": "pairs of schemes",
    "phases": "not ideal",
    "predicted_error": "predicted error (%)",
    "r_min_ohm": "R_min",
    "read_noise": "read noise",
    "recovered": "won back (points)",
    "recovered_high": "won back, high",
    "recovered_low": "won back, low",
    "refresh_steps": "steps between solutions",
    "rest": "rest (%)",
    "same": "same order",
    "same_order": "pairs in the same order",
    "seeds": "draws",
    "sequential": "sequential (µs)",
    "share": "share won back (%)",
    "share_error_rho": "rank correlation, share and weights' error",
    "share_high": "share, high",
    "share_low": "share, low",
    "share_nf_rho": "rank correlation, share and factor",
    "software_accuracy": "in software (%)",
    "spike_rate": "spikes per neuron and step",
    "training_images": "training images",
    "utilisation": "cells used (share)",
    "write_noise": "write noise",
    "write_nonlinearity": "write non-linearity",
}
"""What a column of a table is called, with its unit; a name that is missing here is shown with spaces for underscores."""


def _mitigation(name: Any) -> str:
    return "no mitigation" if name == "none" else str(name).replace("+", " + ")


_CELLS: Final[Mapping[str, Callable[[Any], str]]] = {
    "adc": lambda name: ADC_TITLES.get(name, name),
    "attack": lambda name: {"fgsm": "FGSM", "pgd": "PGD", "square": "Square"}.get(name, name),
    "axis": lambda name: "resistances alone" if name == "none" else str(name),
    "baseline": _mitigation,
    "coding": {"direct": "the image itself", "poisson": "Poisson spikes"}.__getitem__,
    "crossbar_size": lambda size: square(int(size)),
    "effects": {"wires": "wires", "variation": "device variation", "both": "both"}.__getitem__,
    "gain": gain_words,
    "kind": {"relu": "with ReLU", "trained": "trained", "converted": "converted"}.__getitem__,
    "mitigation": _mitigation,
    "parameter": lambda name: HEADS.get(name, name),
    "phases": lambda names: str(names).replace("+", " + "),
    "r_min_ohm": lambda ohm: f"{ohm / 1e3:g} kΩ",
    "read_noise": {"none": "none", "fresh": "anew at each step"}.__getitem__,
    "scheme": lambda name: SCHEME_NAMES.get(name, name),
    "step": lambda name: "after WCT" if name == "wct" else str(name),
}
"""How a value is written, by the name of its column or of its level of an index."""

_MISSING: Final = {"crossbar_size": "all sizes"}
_MOST_DECIMALS: Final = 4


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """A table to look at, not to calculate with: every cell is text.

    Args:
        table: numbers rounded as they shall be shown. Without an index of its own it gets its first column as one.

    Returns:
        The same rows and columns; names of schemes, converters and the like as the report has them.
    """
    if table.index.names == [None] and pd.api.types.is_integer_dtype(table.index):
        table = table.set_index(table.columns[0])
    grouped = isinstance(table.columns, pd.MultiIndex) or table.columns.name is not None
    shown = pd.DataFrame(
        {place: _cells(str(name), table.iloc[:, place]) for place, name in enumerate(table.columns)},
        index=_axis(table.index),
    )
    shown.columns = _axis(table.columns) if grouped else pd.Index([head(str(name)) for name in table.columns])
    return shown


def head(name: str) -> str:
    """What a column is called."""
    return HEADS.get(name) or SCHEME_NAMES.get(name) or name.replace("_", " ")


def _axis(index: pd.Index) -> pd.Index:
    levels = [
        _cells(str(name), index.get_level_values(at).to_series()) for at, name in enumerate(index.names)
    ]
    names = [None if name is None else head(str(name)) for name in index.names]
    if len(levels) > 1:
        return pd.MultiIndex.from_arrays(levels, names=names)
    # Several measures may stand beside each other under one level without a name.
    return pd.Index([head(one) for one in levels[0]] if names == [None] else levels[0], name=names[0])


def _cells(name: str, column: pd.Series) -> list[str]:
    write = _CELLS.get(name) or (_number(column) if pd.api.types.is_float_dtype(column) else str)
    absent = _MISSING.get(name, ABSENT)
    return [absent if pd.isna(value) else write(value) for value in column]


def _number(column: pd.Series) -> Callable[[Any], str]:
    """How the numbers of a column are written, all alike."""
    known = column.dropna()
    if len(known) and known.abs().max() >= 1e6:
        return "{:g}".format
    enough = (number for number in range(_MOST_DECIMALS + 1) if (known.round(number) == known).all())
    form = f".{decimals}f" if (decimals := next(enough, None)) is not None else ".4g"
    return lambda value: format(value + 0.0, form)
