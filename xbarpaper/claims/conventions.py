"""Does the verdict on C2 depend on how the readout is calibrated? The claim again at every gain mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from xbarpaper.claims.accuracy import questions
from xbarpaper.claims.context import Context
from xbarpaper.claims.effects import COMPARISON, overall
from xbarpaper.claims.names import gain_words
from xbarpaper.claims.schema import Convention
from xbarpaper.params import GAINS
from xbarpaper.support.words import count, join


def conventions(evaluation: pd.DataFrame, context: Context) -> tuple[list[Convention], str]:
    """C2's overall effect at each gain mode that the table has without mitigation.

    Modes are compared on the same comparisons: those that are testable at every mode that has such ones.

    Returns:
        The effects, and whether the verdict depends on the gain mode, in words.
    """
    asked = [(gain, question) for gain in GAINS for question in questions("C2", evaluation, context, gain)]
    testable = [set(_keys(question.rows[question.rows["testable"]])) for _, question in asked]
    known = [own for own in testable if own]
    shared = set[Any].intersection(*known) if known else set[Any]()
    found = []
    for gain, question in asked:
        rows = question.rows
        if shared:
            rows = rows.assign(testable=rows["testable"] & _keys(rows).isin(list(shared)))
        one = overall(replace(question, rows=rows), context.settings)
        if one is None:
            continue
        found.append(
            Convention(
                gain=gain,
                chosen=gain == context.params.readout.gain,
                verdict=one.verdict,
                effect=one.means["effect"],
                low=one.low,
                high=one.high,
                n=one.n,
                inference=one.inference,
                summary=(
                    f"{gain_words(gain)}: {one.verdict}; accuracy on the crossbars {one.means['accuracy']:.2f} % "
                    f"pruned, {one.means['accuracy_before']:.2f} % unpruned; pruned networks lose "
                    f"{one.words('more', 'less')}."
                ),
            )
        )
    everything = {key for _, question in asked for key in _keys(question.rows)}
    return found, _sentence(found, len(shared), len(everything))


def _keys(rows: pd.DataFrame) -> pd.Index:
    """Which comparison a row is of."""
    return pd.MultiIndex.from_frame(rows[COMPARISON])


def _sentence(found: Sequence[Convention], shared: int, comparisons: int) -> str:
    """Whether the verdict on C2 depends on the gain mode, true whatever the numbers.

    Args:
        found: the effect at each mode.
        shared: comparisons that are testable at every mode that has such ones.
        comparisons: all of them.
    """
    tested = [one for one in found if one.verdict != "not testable"]
    left = [gain_words(one.gain) for one in found if one.verdict == "not testable"]
    ending = f" With {join(left)} it is not testable: networks there are as good as guessing." if left else ""
    if not tested:
        return f"C2 was tested at no gain mode.{ending}"
    modes = {
        outcome: [gain_words(one.gain) for one in tested if one.verdict == outcome]
        for outcome in dict.fromkeys(one.verdict for one in tested)
    }
    told = "; ".join(f"{outcome} with {join(names)}" for outcome, names in modes.items())
    if len(tested) == 1:
        return f"C2 is testable at one gain mode only, so whether it depends on it is not known here: {told}.{ending}"
    if not shared:
        return (
            "No comparison of C2 is testable at each of the gain modes, so whether it depends on them is not known here: "
            f"{told}, each on comparisons of its own.{ending}"
        )
    low, high = min(one.effect for one in tested), max(one.effect for one in tested)
    depends = "depends on the gain mode" if len(modes) > 1 else "does not depend on the gain mode"
    span = f"the additional loss lies between {low:+.2f} and {high:+.2f} points"
    on = f"on the {shared} of {count(comparisons, 'comparison')} testable at each"
    return f"The verdict on C2 {depends}, {on}: {told}; {span}.{ending}"
