"""What the tables of energies and of converters say: the order of the schemes, and the bits that they need."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations

import pandas as pd
from scipy import stats

from xbarpaper.claims.names import MAPPED, SCHEME_NAMES
from xbarpaper.params import Periphery
from xbarpaper.params.names import ADC_TITLES


def orders(table: pd.DataFrame) -> pd.DataFrame:
    """Is the order of the schemes by energy that of their compression rates? Counted over all pairs of schemes.

    Args:
        table: what ``experiments.costs.energy_table`` gives; rows without mitigation count.

    Returns:
        A row for each experiment, crossbar size, converter and way of counting columns: by_energy and by_rate, the
        schemes from the least saving to the largest; pairs, pairs whose order agrees (same_order), and
        whether all do (same). Equal numbers are in no order, and agree with equal ones only.
    """
    keys = ["experiment", "crossbar_size", "adc", "columns"]
    rows = []
    for place, own in table[table["mitigation"] == "none"].groupby(keys, sort=False):
        signs = [
            (_sign(a["energy_ratio"], b["energy_ratio"]), _sign(a["compression_rate"], b["compression_rate"]))
            for a, b in combinations(own.to_dict("records"), 2)
        ]
        agree = sum(energy == rate for energy, rate in signs)
        told = {
            f"by_{name}": " < ".join(own.sort_values(column, kind="stable")["scheme"].map(SCHEME_NAMES))
            for name, column in (("energy", "energy_ratio"), ("rate", "compression_rate"))
        }
        rows.append(
            dict(zip(keys, place, strict=True))
            | told
            | {"pairs": len(signs), "same_order": agree, "same": agree == len(signs)}
        )
    return pd.DataFrame(rows)


def _sign(first: float, second: float) -> int:
    return 0 if abs(first - second) <= 1e-12 * abs(first) else 1 if first > second else -1


def order_sentences(found: pd.DataFrame) -> Iterator[str]:
    """In how many cases the two orders agree, a sentence for each way of counting columns.

    Args:
        found: what ``orders`` gives.
    """
    for columns, own in found.groupby("columns", sort=False):
        same = own.loc[own["same"], "adc"]
        titles = " and of ".join(ADC_TITLES.get(name, name) for name in same.unique())
        whose = f", those with the converter of {titles}" if 0 < len(same) < len(own) else ""
        yield (
            f"Where {columns} columns are converted, the order of the schemes by energy is that of their compression "
            f"rates in {len(same)} of {len(own)} cases (a crossbar size with a converter){whose}."
        )


def needed(table: pd.DataFrame, settings: Periphery, confidence: float) -> pd.DataFrame:
    """The least bits from which on a network loses less than the tolerance against ideal converters.

    Args:
        table: what ``experiments.periphery.bits_table`` gives.
        settings: tolerance and converters.
        confidence: with which all ranges hold at once.

    Returns:
        A row for each network: ideal (accuracy with ideal converters, percent); needed_bits, missing where no width that
        was tried suffices; lowest_bits and highest_bits, where it can lie, given the number of test images (highest_bits
        missing where no width surely suffices); lossless_bits (see ``Periphery.lossless_bits``; missing for analog
        weights). Below the least width that was tried nothing is known.
    """
    widths = sorted((int(bits) for bits in table["adc_bits"].unique() if bits), reverse=True)
    level = 1 - (1 - confidence) / (len(widths) * table.groupby(MAPPED).ngroups)

    def least(lost: Mapping[int, float]) -> int | None:
        enough = None
        for bits in widths:
            if lost[bits] >= settings.tolerance_points:
                break
            enough = bits
        return enough

    rows = []
    for place, group in table.groupby(MAPPED, sort=False):
        own = group.set_index("adc_bits")
        ideal = float(own["accuracy"][0])
        lost = {bits: ideal - float(own["accuracy"][bits]) for bits in widths}
        ends = {
            bits: paired_loss(lost[bits], float(own["changed"][bits]), int(own["images"][bits]), level)
            for bits in widths
        }
        lowest = least({bits: low for bits, (low, _) in ends.items()})
        told = {
            "ideal": ideal,
            "needed_bits": least(lost),
            "lowest_bits": widths[0] + 1 if lowest is None else lowest,
            "highest_bits": least({bits: high for bits, (_, high) in ends.items()}),
            "lossless_bits": settings.lossless_bits(int(group["crossbar_size"].iloc[0])),
        }
        rows.append(dict(zip(MAPPED, place, strict=True)) | told)
    found = pd.DataFrame(rows)
    return found.astype({name: "Int64" for name in found if str(name).endswith("_bits")})


def paired_loss(lost: float, changed: float, images: int, level: float) -> tuple[float, float]:
    """Interval of the accuracy that a change costs on the same images, percentage points.

    Wald's interval of a difference of matched proportions with half an image added to each cell (Agresti and Min,
    Statistics in Medicine 24, 2005).

    Args:
        lost: accuracy before minus after, points.
        changed: images that went from right to wrong or back, percent.
        images: that were tested.
        level: of the interval.
    """
    difference, moved = lost / 100 * images, changed / 100 * images
    total = images + 2
    mean, spread = difference / total, math.sqrt(moved + 1 - difference**2 / total) / total
    half = float(stats.norm.ppf(0.5 + level / 2)) * spread
    return 100 * (mean - half), 100 * (mean + half)
