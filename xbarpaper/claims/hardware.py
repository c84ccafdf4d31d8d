"""Our own statements about hardware, D1 to D3, from what the stages 14 to 16 measured.

Each is decided case by case; ``claims.yaml`` says how a case gets its verdict, and all cases must hold.
"""

from __future__ import annotations

import math
from typing import Any, Final

import pandas as pd

from xbarpaper.claims.context import Context
from xbarpaper.claims.hardware_tables import needed, order_sentences, orders
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.claims.regions import at_home, regions
from xbarpaper.claims.rules import joined, judge
from xbarpaper.claims.schema import Case, Outcome, OwnClaim
from xbarpaper.experiments.results import Results
from xbarpaper.experiments.sensitivity.device_effects import device_effects
from xbarpaper.support.words import count, join, square

_SURVIVING: Final = ("C2", "C3", "C4")
_WHOLE_BITS: Final = 0.5  # margin of equivalence: bits are whole


def hardware_statements(context: Context, tables: Results) -> list[OwnClaim]:
    """D1 to D3, each where the profile measured what it is about."""
    asked = (
        (energy_order, tables.energy),
        (bits_saved, tables.converters),
        (survival, tables.device_effects),
    )
    return [test(context, table) for test, table in asked if len(table)]


def _joined(cases: list[Case]) -> Outcome:
    """The verdict of all cases that can be tested."""
    known: list[Outcome] = [case.verdict for case in cases if case.verdict != "not testable"]
    return joined(known) if known else "not testable"


# --- D1: energy and compression ---------------------------------------------------------------------------------


def energy_order(context: Context, energy: pd.DataFrame) -> OwnClaim:
    """Test D1: nothing is sampled, what varies is whose constants of a converter count."""
    found, cases = orders(energy), []
    for (experiment, size, columns), own in found.groupby(
        ["experiment", "crossbar_size", "columns"], sort=False
    ):
        low, high, pairs = own["same_order"].min(), own["same_order"].max(), own["pairs"].iloc[0]
        cases.append(
            Case(
                what=f"{context.labels.network(str(experiment))}, {square(int(str(size)))}, {columns} columns",
                verdict="supported" if low == pairs else "contradicted" if high < pairs else "undecided",
                effect=float(own["same_order"].mean()),
                low=float(low),
                high=float(high),
                unit=f"of {pairs} pairs of schemes",
                over=count(len(own), "converter"),
            )
        )
    return OwnClaim.of(context.texts["D1"], _joined(cases), " ".join(order_sentences(found)), cases)


# --- D2: bits of a conversion -----------------------------------------------------------------------------------


def bits_saved(context: Context, table: pd.DataFrame) -> OwnClaim:
    """Test D2: bits that the unpruned network needs minus those that a pruned one needs."""
    settings = context.params.periphery
    found = needed(table, settings, context.settings.confidence)
    images, most = count(int(table["images"].min()), "test image"), table["adc_bits"].max()
    plain = found[found["scheme"] == "unpruned"].set_index(["experiment", "crossbar_size"])
    cases, ranges = [], []
    for one in found[found["scheme"] != "unpruned"].to_dict("records"):
        before = plain.loc[(one["experiment"], one["crossbar_size"])]
        low = float(before["lowest_bits"]) - _or(one["highest_bits"], math.inf)
        high = _or(before["highest_bits"], math.inf) - float(one["lowest_bits"])
        effect = _or(before["needed_bits"], math.nan) - _or(one["needed_bits"], math.nan)
        ranges.append((low, high))
        network = context.labels.network(one["experiment"])
        what = f"{network}, {square(one['crossbar_size'])}, {SCHEME_NAMES[one['scheme']]}"
        tested = not (pd.isna(one["needed_bits"]) and pd.isna(before["needed_bits"]))
        cases.append(_bits_case(what, effect, low, high, images, tested))
    low, high = (sum(ends) / len(ranges) for ends in zip(*ranges, strict=True))
    words = found["needed_bits"].astype("object").where(found["needed_bits"].notna(), f"over {most}")
    told = [
        f"{SCHEME_NAMES[str(scheme)]} {join([str(bits) for bits in own])}"
        for scheme, own in words.groupby(found["scheme"], sort=False)
    ]
    sizes = join([square(int(size)) for size in found["crossbar_size"].unique()])
    known = [case.effect for case in cases if case.effect is not None]
    effect = sum(known) / len(known) if len(known) == len(cases) else math.nan
    tested = any(case.verdict != "not testable" for case in cases)
    overall = _bits_case("all pruned networks", effect, low, high, images, tested)
    points = f"{settings.tolerance_points:g} point{'s' if settings.tolerance_points != 1 else ''}"
    summary = f"Bits needed at {sizes}, to lose less than {points}: {'; '.join(told)}. "
    summary += (
        f"Mean bits saved: {_bounds(overall)}, {images}."
        if tested
        else f"No network came so near to ideal converters, so what pruning saves was not tested ({images})."
    )
    return OwnClaim.of(context.texts["D2"], overall.verdict, summary, [overall, *cases])


def _bits_case(what: str, effect: float, low: float, high: float, over: str, tested: bool) -> Case:
    """``tested``: whether a network had bits enough."""
    return Case(
        what=what, verdict=judge(low, high, _WHOLE_BITS) if tested else "not testable", effect=_known(effect),
        low=_known(low), high=_known(high), unit="bits saved", over=over,
    )  # fmt: skip


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or(value: Any, otherwise: float) -> float:
    return otherwise if pd.isna(value) else float(value)


def _bounds(case: Case) -> str:
    if case.low is None and case.high is None:
        return "not known"
    low, high = ("open" if value is None else f"{value:+.1f}" for value in (case.low, case.high))
    return f"{'between' if case.effect is None else f'{case.effect:+.1f}'} [{low}, {high}]"


# --- D3: C2 to C4 on real devices -------------------------------------------------------------------------------


def survival(context: Context, table: pd.DataFrame) -> OwnClaim:
    """Test D3: the verdicts of C2, C3 and C4 under each effect of the devices, beside those without it."""
    params, axes, cases, sentences = context.params, device_effects(context.params), [], []
    over, size = count(axes.settings.variation_seeds, "variation seed"), square(axes.settings.crossbar_size)
    sampled = f"{over}, {size} and {axes.settings.test_images} test images at most"
    for experiment, rows in table.groupby("experiment", sort=False):
        name, network = str(experiment), context.labels.network(str(experiment))
        classes = round(100 / context.chance[params.experiment(name).dataset])
        held = regions(rows, params.claims, classes)
        home, first = at_home(held, axes, params)
        told = dict[tuple[str, str], list[str]]()  # claims of one verdict that survive alike share a sentence
        for claim in [one for one in _SURVIVING if one in set(held["claim"])]:
            plain: Outcome = held.loc[first & (held["claim"] == claim), "verdict"].iloc[0]
            there = held[~home & (held["claim"] == claim)]
            own = [
                Case(
                    what=f"{network}, {claim}, {axes.single[one['axis']].said(one['value'])}",
                    verdict=survived(plain, one["verdict"]),
                    effect=one["effect"],
                    low=_known(one["low"]),
                    high=_known(one["high"]),
                    unit="points",
                    over=over,
                )
                for one in there.to_dict("records")
            ]
            cases += own
            kept = sum(case.verdict == "supported" for case in own)
            untested = plain in ("undecided", "not testable")
            survives = "" if untested else f", and at {kept} of {len(own)} strengths of them"
            told.setdefault((plain, survives), []).append(claim)
        for (verdict, survives), those in told.items():
            be, it = ("is", "it survives") if len(those) == 1 else ("are", "they survive")
            sentences.append(
                f"{join(those)} on {network}, with {sampled}, {be} {verdict} without these effects"
                f"{survives or f', so whether {it} was not tested'}."
            )
    return OwnClaim.of(context.texts["D3"], _joined(cases), " ".join(sentences), cases)


def survived(plain: Outcome, there: Outcome) -> Outcome:
    """Whether a verdict survives: it must be known without the effect, and be the same with it."""
    if plain in ("undecided", "not testable") or there == "not testable":
        return "not testable"
    if there == "undecided":
        return "undecided"
    return "supported" if there == plain else "contradicted"
