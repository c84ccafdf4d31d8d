"""C5: do the mitigations work by raising the share of low-conductance synapses?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from xbarpaper.claims.judging import (
    Claim,
    Outcome,
    Verdict,
    conclude,
    corrected,
    effect_words,
    judge,
    p_words,
    with_summary,
)
from xbarpaper.claims.paired import Pairs, compared_rows, effect_of, mitigation_pairs
from xbarpaper.params import Params
from xbarpaper.statistics import RESOLUTION, Effect, rank_correlation

TEXT: Final = "R and WCT both work by raising the share of low-conductance synapses on the crossbars."
RULE: Final = (
    "Effect: low-conductance share of the whole network with the mitigation minus that without, percentage "
    "points; counted, not sampled, so it has no interval. not supported: the share does not rise. "
    "supported: it rises, and the accuracy on the crossbars rises too (mitigation against none, judged as "
    "in C3 and C4). undecided: it rises, but a gain in accuracy is not shown. That both rise does not "
    "prove that one causes the other. A permutation of columns moves devices between crossbars and cannot "
    "change the share of the network; how R spreads low conductances over single crossbars is not in the "
    "tables and is not judged. Overall: R and WCT against none."
)
MITIGATIONS: Final = ("R", "WCT", "R+WCT")
CHANGES_NOTHING: Final = (
    "R leaves the network's low-conductance share exactly as it was, as any permutation must: not "
    "supported for R as stated, whatever R does to accuracy."
)


def share_rises(evaluation: pd.DataFrame, params: Params) -> Claim:
    """Test C5 by ``RULE``, for every network, crossbar size, scheme and mitigation.

    Args:
        evaluation: the tidy table of evaluations.
        params: the profile.
    """
    table = compared_rows(evaluation, params)
    pairs = [pair for name in MITIGATIONS for pair in mitigation_pairs(table, name, "none")]
    gains = [effect_of(pair.gained, params) for pair in pairs]
    tested = corrected(gains, [pair.mitigation for pair in pairs])
    keys = ["experiment", "crossbar_size", "scheme", "mitigation"]
    shares = 100 * table.groupby(keys)["low_conductance_share"].mean()
    rises, verdicts = [], []
    for pair, gain, p in zip(pairs, gains, tested, strict=True):
        place = (pair.experiment, pair.crossbar_size, pair.scheme)
        before, after = float(shares[(*place, "none")]), float(shares[(*place, pair.mitigation)])
        rises.append(after - before)
        verdicts.append(_verdict(pair, gain, p, before, after, params))
    notes = _associations(pairs, gains, rises, params)
    of_r = [rise for pair, rise in zip(pairs, rises, strict=True) if pair.mitigation == "R"]
    if of_r and max(map(abs, of_r)) <= RESOLUTION:
        notes.insert(0, CHANGES_NOTHING)
    return conclude("C5", TEXT, RULE, verdicts, main=["R", "WCT"], notes=notes)


def decide(rise: float, accuracy: Outcome) -> Outcome:
    """Apply ``RULE`` to a change of the share (percentage points) and the verdict on the accuracy."""
    if rise <= RESOLUTION:
        return "not supported"
    return "supported" if accuracy == "supported" else "undecided"


def _verdict(
    pair: Pairs, gain: Effect, p_holm: float | None, before: float, after: float, params: Params
) -> Verdict:
    confidence = params.claims.confidence
    rise = after - before if abs(after - before) > RESOLUTION else 0.0
    accuracy = judge(gain, p_holm, confidence)
    outcome = decide(rise, accuracy)
    verdict = Verdict(
        experiment=pair.experiment,
        network=pair.network,
        dataset=pair.dataset,
        crossbar_size=pair.crossbar_size,
        scheme=pair.scheme,
        mitigation=pair.mitigation,
        verdict=outcome,
        effect=rise,
        low=None,
        high=None,
        p=None,
        p_holm=None,
        n=None,
        unit="percentage points",
        summary="",
        details={
            "share_before": before,
            "share_after": after,
            "accuracy_effect": gain.effect,
            "accuracy_low": gain.low,
            "accuracy_high": gain.high,
            "accuracy_p_holm": p_holm,
            "accuracy_verdict": accuracy,
        },
    )
    change = (
        f"changes the low-conductance share from {before:.2f} to {after:.2f} %"
        if rise
        else f"leaves the low-conductance share at {after:.2f} %"
    )
    return with_summary(
        verdict,
        f"{verdict.place}: {pair.mitigation} {change}; accuracy on the crossbars "
        f"{effect_words(gain, confidence)}, corrected {p_words(p_holm)}: {outcome}.",
    )


def _associations(
    pairs: Sequence[Pairs], gains: Sequence[Effect], rises: Sequence[float], params: Params
) -> list[str]:
    """For each mitigation and experiment: does the gain in accuracy go along with the rise of the share?"""
    sentences = []
    for name in MITIGATIONS:
        for experiment in dict.fromkeys(pair.experiment for pair in pairs):
            members = [
                (rise, gain.effect)
                for pair, gain, rise in zip(pairs, gains, rises, strict=True)
                if (pair.mitigation, pair.experiment) == (name, experiment)
            ]
            found = rank_correlation(
                [rise for rise, _ in members],
                [gain for _, gain in members],
                resamples=params.claims.bootstrap_resamples,
                seed=params.claims.seed,
            )
            if found.rho is not None:
                sentences.append(
                    f"{experiment}, {name}: gain in accuracy against rise of the share, Spearman's rho "
                    f"{found.rho:+.2f} ({p_words(found.p)}, {found.n} schemes and sizes, not independent)."
                )
    return sentences
