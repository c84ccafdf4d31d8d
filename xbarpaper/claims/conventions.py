"""Does the verdict on C2 depend on how the readout is calibrated? The claim again at every gain mode."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from xbarpaper.claims.paired import Measured, compared_rows, pruning_rows, with_families, words_of
from xbarpaper.claims.rules import p_words
from xbarpaper.claims.schema import Convention
from xbarpaper.params import GAINS, Params
from xbarpaper.support.words import join


def conventions(evaluation: pd.DataFrame, measured: Measured, params: Params) -> list[Convention]:
    """C2's overall effect at each gain mode that the table has without mitigation."""
    found = []
    for gain in GAINS:
        own = pruning_rows(compared_rows(evaluation, params, gain), params, overall=True)
        for row in with_families({**measured, ("C2", "none"): own})["C2", "none"]:
            outcome = row.outcome(params.claims.confidence)
            effect = row.tested.effect
            found.append(
                Convention(
                    gain=gain,
                    chosen=gain == params.readout.gain,
                    verdict=outcome,
                    effect=effect.effect,
                    low=effect.low,
                    high=effect.high,
                    p=effect.p,
                    p_holm=row.p_holm,
                    n=effect.n,
                    inference=row.tested.inference,
                    summary=(
                        f"{name_of(gain)}: the pruned networks lose "
                        f"{words_of(row.tested, params.claims.confidence)} more than the unpruned ones, "
                        f"corrected {p_words(row.p_holm)}: {outcome}."
                    ),
                )
            )
    return found


def name_of(gain: str) -> str:
    """A gain mode in words."""
    return "no gain" if gain == "none" else f"a gain per {gain}"


def sentence(found: Sequence[Convention]) -> str:
    """Whether the verdict on C2 depends on the gain mode, true whatever the numbers."""
    if not found:
        return "C2 was tested at no gain mode."
    modes = {
        outcome: [name_of(one.gain) for one in found if one.verdict == outcome]
        for outcome in dict.fromkeys(one.verdict for one in found)
    }
    low, high = min(one.effect for one in found), max(one.effect for one in found)
    span = f"the additional loss lies between {low:+.2f} and {high:+.2f} points"
    if len(found) == 1:
        return (
            f"C2 was tested with {name_of(found[0].gain)} only ({found[0].verdict}), so whether its verdict "
            "depends on the gain mode is not known here."
        )
    if len(modes) == 1:
        outcome = found[0].verdict
        return (
            f"The verdict on C2 does not depend on the gain mode here: {outcome} with "
            f"{join(modes[outcome])}; {span}."
        )
    told = "; ".join(f"{outcome} with {join(names)}" for outcome, names in modes.items())
    return f"The verdict on C2 depends on the gain mode: {told}; {span}."
