"""Our own statements about hardware, D1 to D3, from what the stages 14 to 16 measured.

Each is decided case by case; ``claims.yaml`` says how a case gets its verdict, and all cases must hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from xbarpaper.claims.hardware_tables import needed, order_sentences, orders
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.names import SCHEME_NAMES
from xbarpaper.claims.regions import at_home, regions
from xbarpaper.claims.rules import joined, judge
from xbarpaper.claims.schema import Case, Outcome, OwnClaim
from xbarpaper.claims.statements import Statement
from xbarpaper.experiments.results import Results
from xbarpaper.experiments.sensitivity.axes import text_of
from xbarpaper.experiments.sensitivity.device_effects import device_effects
from xbarpaper.params import Params
from xbarpaper.support.words import count, join, square

_SURVIVING: Final = ("C2", "C3", "C4")
_WHOLE_BITS: Final = 0.5  # margin of equivalence: bits are whole


def own_statements(
    texts: Mapping[str, Statement], tables: Results, params: Params, chance: Mapping[str, float]
) -> list[OwnClaim]:
    """D1 to D3, each where the profile measured what it is about.

    Args:
        texts: the statements by id.
        tables: of the profile.
        params: the profile.
        chance: dataset -> accuracy of guessing, percent.
    """
    labels, found = Labels.of(params), []
    if len(tables.energy):
        found.append(energy_order(texts["D1"], tables.energy, labels))
    if len(tables.converters):
        found.append(bits_saved(texts["D2"], tables.converters, params))
    if len(tables.device_effects):
        found.append(survival(texts["D3"], tables.device_effects, params, chance))
    return found


def _concluded(statement: Statement, cases: list[Case], summary: str) -> OwnClaim:
    known: list[Outcome] = [case.verdict for case in cases if case.verdict != "not testable"]
    return OwnClaim(
        id=statement.id,
        text=statement.text,
        rule=statement.rule,
        overall=joined(known) if known else "not testable",
        summary=summary,
        cases=cases,
    )


# --- D1: energy and compression ---------------------------------------------------------------------------------


def energy_order(statement: Statement, energy: pd.DataFrame, labels: Labels) -> OwnClaim:
    """Test D1: nothing is sampled, what varies is whose constants of a converter count."""
    found, cases = orders(energy), []
    for (experiment, size, columns), own in found.groupby(
        ["experiment", "crossbar_size", "columns"], sort=False
    ):
        low, high, pairs = own["same_order"].min(), own["same_order"].max(), own["pairs"].iloc[0]
        cases.append(
            Case(
                what=f"{labels.network(str(experiment))}, {square(int(str(size)))}, {columns} columns",
                verdict="supported" if low == pairs else "contradicted" if high < pairs else "undecided",
                effect=float(own["same_order"].mean()),
                low=float(low),
                high=float(high),
                unit=f"of {pairs} pairs of schemes",
                over=count(len(own), "converter"),
            )
        )
    return _concluded(statement, cases, " ".join(order_sentences(found)))


# --- D2: bits of a conversion -----------------------------------------------------------------------------------


def bits_saved(statement: Statement, table: pd.DataFrame, params: Params) -> OwnClaim:
    """Test D2: bits that the unpruned network needs minus those that a pruned one needs."""
    labels, found = Labels.of(params), needed(table, params.periphery, params.claims.confidence)
    images, most = count(int(table["images"].min()), "test image"), table["adc_bits"].max()
    plain = found[found["scheme"] == "unpruned"].set_index(["experiment", "crossbar_size"])
    cases, ranges = [], []
    for one in found[found["scheme"] != "unpruned"].to_dict("records"):
        before = plain.loc[(one["experiment"], one["crossbar_size"])]
        low = float(before["lowest_bits"]) - _or(one["highest_bits"], math.inf)
        high = _or(before["highest_bits"], math.inf) - float(one["lowest_bits"])
        effect = _or(before["needed_bits"], math.nan) - _or(one["needed_bits"], math.nan)
        ranges.append((low, high))
        place = f"{square(one['crossbar_size'])}, {SCHEME_NAMES[one['scheme']]}"
        what = f"{labels.network(one['experiment'])}, {place}"
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
    tolerance = params.periphery.tolerance_points
    points = f"{tolerance:g} point{'s' if tolerance != 1 else ''}"
    summary = f"Bits needed at {sizes}, to lose less than {points}: {'; '.join(told)}. "
    summary += (
        f"Mean bits saved: {_bounds(overall)}, {images}."
        if tested
        else f"No network came so near to ideal converters, so what pruning saves was not tested ({images})."
    )
    whole = _concluded(statement, [overall, *cases], summary)
    return whole.model_copy(update={"overall": overall.verdict})


def _bits_case(what: str, effect: float, low: float, high: float, over: str, tested: bool) -> Case:
    """``tested``: whether a network had bits enough."""
    known = {
        name: value if math.isfinite(value) else None
        for name, value in {"effect": effect, "low": low, "high": high}.items()
    }
    verdict: Outcome = judge(low, high, _WHOLE_BITS) if tested else "not testable"
    return Case(what=what, verdict=verdict, unit="bits saved", over=over, **known)


def _or(value: Any, otherwise: float) -> float:
    return otherwise if pd.isna(value) else float(value)


def _bounds(case: Case) -> str:
    if case.low is None and case.high is None:
        return "not known"
    low, high = ("open" if value is None else f"{value:+.1f}" for value in (case.low, case.high))
    return f"{'between' if case.effect is None else f'{case.effect:+.1f}'} [{low}, {high}]"


# --- D3: C2 to C4 on real devices -------------------------------------------------------------------------------


def survival(
    statement: Statement, table: pd.DataFrame, params: Params, chance: Mapping[str, float]
) -> OwnClaim:
    """Test D3: the verdicts of C2, C3 and C4 under each effect of the devices, beside those without it."""
    axes, cases, sentences = device_effects(params), [], []
    over = count(axes.settings.variation_seeds, "variation seed")
    sampled = (
        f"{over}, {square(axes.settings.crossbar_size)} and {axes.settings.test_images} test images at most"
    )
    labels = Labels.of(params)
    for experiment, rows in table.groupby("experiment", sort=False):
        name = str(experiment)
        held = regions(rows, params.claims, round(100 / chance[params.experiment(name).dataset]))
        held = held.assign(value=held["value"].map(text_of))
        home = at_home(held, axes, params)
        for claim in [one for one in _SURVIVING if one in set(held["claim"])]:
            plain: Outcome = held.loc[home.first & (held["claim"] == claim), "verdict"].iloc[0]
            there = held[~home.every & (held["claim"] == claim)]
            own = [
                Case(
                    what=f"{labels.network(name)}, {claim}, {axes.single[one['axis']].said(one['value'])}",
                    verdict=survived(plain, one["verdict"]),
                    effect=one["effect"],
                    low=_finite(one["low"]),
                    high=_finite(one["high"]),
                    unit="points",
                    over=over,
                )
                for one in there.to_dict("records")
            ]
            cases += own
            kept = sum(case.verdict == "supported" for case in own)
            measured = (
                f"{claim} on {labels.network(name)}, without these effects and with {sampled}, is {plain}"
            )
            unknown = plain in ("undecided", "not testable")
            sentences.append(
                f"{measured}, so whether it survives was not tested."
                if unknown
                else f"{measured}, and stays so at {kept} of {len(own)} strengths."
            )
    return _concluded(statement, cases, " ".join(sentences))


def survived(plain: Outcome, there: Outcome) -> Outcome:
    """Whether a verdict survives: it must be known without the effect, and be the same with it."""
    if plain in ("undecided", "not testable") or there == "not testable":
        return "not testable"
    if there == "undecided":
        return "undecided"
    return "supported" if there == plain else "contradicted"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
