"""Does the verdict on C2 depend on how the readout is calibrated? The claim again at every gain mode."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from xbarpaper.claims.accuracy import questions
from xbarpaper.claims.context import Context
from xbarpaper.claims.effects import overall
from xbarpaper.claims.names import gain_words
from xbarpaper.claims.schema import Convention
from xbarpaper.params import GAINS
from xbarpaper.support.words import join


def conventions(evaluation: pd.DataFrame, context: Context) -> list[Convention]:
    """C2's overall effect at each gain mode that the table has without mitigation."""
    found = []
    for gain in GAINS:
        for question in questions("C2", evaluation, context, gain):
            one = overall(question, context.settings)
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
                        f"{one.words('more')}."
                    ),
                )
            )
    return found


def sentence(found: Sequence[Convention]) -> str:
    """Whether the verdict on C2 depends on the gain mode, true whatever the numbers."""
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
    low, high = min(one.effect for one in tested), max(one.effect for one in tested)
    depends = "depends on the gain mode" if len(modes) > 1 else "does not depend on the gain mode"
    span = f"the additional loss lies between {low:+.2f} and {high:+.2f} points"
    return f"The verdict on C2 {depends}: {told}; {span}.{ending}"
