"""Which convention comes nearest to published numbers, and C2 to C4 under it beside this artifact's own."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from xbarpaper.claims.accuracy import questions
from xbarpaper.claims.context import Context
from xbarpaper.claims.effects import overall
from xbarpaper.claims.names import gain_words
from xbarpaper.claims.rules import MAIN
from xbarpaper.params import Gain, Params


def distances(table: pd.DataFrame) -> pd.DataFrame:
    """How far each convention is from what is published without mitigation, nearest first.

    Args:
        table: the tidy table ``published``.

    Returns:
        Columns: experiment, r_min_ohm, gain, a column for each source, and ``all``: root mean square over the published
        numbers of the difference in points lost.
    """
    plain = table[table["mitigation"] == "none"]
    keys, number = ["experiment", "r_min_ohm", "gain"], ["source", "setting"]
    cells = plain.groupby([*keys, *number], sort=False)[["lost", "published"]].mean()
    squares = (cells["lost"] - cells["published"]).pow(2)
    by_source = squares.groupby([*keys, "source"], sort=False).mean().unstack(sort=False)
    found = by_source.assign(all=squares.groupby(keys, sort=False).mean()).pow(0.5).reset_index()
    found.columns.name = None
    return found.sort_values(["experiment", "all"], kind="stable").reset_index(drop=True)


def nearest(table: pd.DataFrame) -> tuple[float, Gain]:
    """R_min in ohm and the gain mode of the least distance; ``table`` is that of one experiment."""
    first = distances(table).iloc[0]
    return float(first["r_min_ohm"]), first["gain"]


def under_conventions(
    evaluation: pd.DataFrame, like: pd.DataFrame, params: Params, chance: Mapping[str, float]
) -> pd.DataFrame:
    """The overall effect of C2, C3 and C4 on the same networks, under each convention.

    C1 does not depend on it, and neither does the share of low conductances that C5 is about.

    Args:
        evaluation: the tidy table of evaluations.
        like: the same networks at one crossbar size, devices of another resistance and another gain.
        params: the profile.
        chance: dataset -> accuracy of guessing, percent.

    Returns:
        Columns: convention, claim, mitigation, baseline, effect, low, high, verdict, n, accuracy (without mitigation, the
        mean over all networks, percent). An effect that is not testable has no interval.
    """
    context = Context(params, chance)
    same = evaluation["experiment"].isin(like["experiment"]) & evaluation["crossbar_size"].isin(
        like["crossbar_size"]
    )
    # The nearest convention is each experiment's own, and may differ.
    tables = [(params.devices.r_min_ohm, str(params.readout.gain), evaluation[same])]
    tables += [
        (float(str(key[0])), str(key[1]), rows)
        for key, rows in like.groupby(["r_min_ohm", "gain"], sort=False)
    ]
    found = []
    for r_min_ohm, gain, table in tables:
        name = f"R_min {r_min_ohm / 1e3:g} kΩ, {gain_words(gain)}"
        plain = table[
            (table["mitigation"] == "none") & (table["effects"] == "both") & (table["gain"] == gain)
        ]
        for claim in ("C2", "C3", "C4"):
            for question in questions(claim, table, context, gain):
                tested = overall(question, params.claims) if question.mitigation in MAIN[claim] else None
                if tested is not None:
                    found.append(
                        {
                            "convention": name, "claim": claim, "mitigation": question.mitigation,
                            "baseline": question.baseline, "effect": tested.means["effect"], "low": tested.low,
                            "high": tested.high, "verdict": tested.verdict, "n": tested.n,
                            "accuracy": plain["accuracy"].mean(),
                        }
                    )  # fmt: skip
    return pd.DataFrame(found)
