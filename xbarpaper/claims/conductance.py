"""C5: do the mitigations work by raising the share of low-conductance synapses?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xbarpaper.claims.labels import groups_of
from xbarpaper.claims.paired import Measured, Row, words_of
from xbarpaper.claims.replicates import POWER, TRAINING_SEEDS
from xbarpaper.claims.rules import conclude, needed_words, p_words
from xbarpaper.claims.schema import Claim, Outcome, Verdict
from xbarpaper.claims.statements import Statement
from xbarpaper.params import Params
from xbarpaper.support.statistics import RESOLUTION, mean_interval, rank_correlation

MAIN: Final = ("R", "WCT")
# Where each mitigation against none is tested.
TESTED: Final = {"R": ("C3", "R"), "WCT": ("C4", "WCT"), "R+WCT": ("C5", "R+WCT")}
CHANGES_NOTHING: Final = (
    "R leaves the network's low-conductance share exactly as it was, as any permutation must: not "
    "supported for R as stated, whatever R does to accuracy."
)


def share_rises(statement: Statement, evaluation: pd.DataFrame, measured: Measured, params: Params) -> Claim:
    """Test C5, for every network, crossbar size, scheme and mitigation and the levels above.

    Args:
        statement: C5.
        evaluation: the tidy table of evaluations.
        measured: where the accuracies were tested.
        params: the profile.
    """
    keys = ["experiment", "crossbar_size", "scheme", "mitigation"]
    shares = (100 * evaluation.groupby(keys)["low_conductance_share"].mean()).to_dict()
    rows: list[Verdict] = []
    notes: list[str] = []
    for mitigation, key in TESTED.items():
        singles: list[tuple[Row, float]] = []
        for row in measured[key]:
            before, after = (_shares(row, shares, name, params) for name in ("none", mitigation))
            rows.append(_verdict(row, before, after, params))
            if row.place.level == "comparison":
                singles.append((row, rows[-1].effect))
        if mitigation == "R" and singles and all(rise == 0 for _, rise in singles):
            notes.insert(0, CHANGES_NOTHING)
        notes += _associations(mitigation, singles, params)
    return conclude(statement, rows, main=MAIN, notes=notes)


def decide(rises: Sequence[float], accuracy: Outcome) -> Outcome:
    """Apply the threshold of C5.

    Args:
        rises: change of the share in each trained network, percentage points.
        accuracy: verdict on the gain in accuracy.
    """
    if float(np.mean(rises)) <= RESOLUTION:
        return "not supported"
    return "supported" if accuracy == "supported" and min(rises) > RESOLUTION else "undecided"


def _shares(row: Row, shares: dict[Any, float], mitigation: str, params: Params) -> NDArray[np.float64]:
    """Low-conductance share with a mitigation, percent, of each trained network or averaged over networks."""
    groups = {group.name: group for group in groups_of(params)}
    found = []
    for pair in row.pairs:
        place = pair.place
        names = [groups[str(place.experiment)].experiments[seed] for seed in pair.training_seeds]
        keys = [(name, place.crossbar_size, place.scheme, mitigation) for name in names]
        found.append(np.array([shares[key] for key in keys]))
    alike = len({pair.training_seeds for pair in row.pairs}) == 1
    return np.asarray(np.mean(found if alike else [[values.mean()] for values in found], axis=0))


def _verdict(row: Row, before: NDArray[np.float64], after: NDArray[np.float64], params: Params) -> Verdict:
    confidence = params.claims.confidence
    rises = after - before
    rises = np.where(np.abs(rises) > RESOLUTION, rises, 0.0)
    rise, low, high = mean_interval(rises, confidence)
    seeds = len(rises) if len(rises) >= TRAINING_SEEDS else None
    accuracy = row.outcome(confidence)
    outcome = decide(list(rises), accuracy)
    gain = row.tested.effect
    old, new = float(before.mean()), float(after.mean())
    mitigation = row.place.mitigation
    change = (
        f"changes the low-conductance share from {old:.2f} to {new:.2f} %"
        if rise
        else f"leaves the low-conductance share at {new:.2f} %"
    )
    open_yet = (outcome, accuracy) == ("undecided", "undecided")
    needed = needed_words(row.tested, row.alpha(params)) if open_yet else ""
    return Verdict(
        **row.place.fields,
        verdict=outcome,
        effect=rise,
        low=low if seeds else None,
        high=high if seeds else None,
        unit="percentage points",
        n=seeds,
        inference="training seed" if seeds else "",
        needed_seeds=needed,
        summary=(
            f"{row.place.words}: {mitigation} {change}; accuracy on the crossbars "
            f"{words_of(row.tested, confidence)}, corrected {p_words(row.p_holm)}: {outcome}."
            + (f" {needed} would decide the accuracy with a chance of {100 * POWER:g} %." if needed else "")
        ),
        details={
            "share_before": old,
            "share_after": new,
            "accuracy_effect": gain.effect,
            "accuracy_low": gain.low,
            "accuracy_high": gain.high,
            "accuracy_p_holm": row.p_holm,
            "accuracy_verdict": accuracy,
        },
    )


def _associations(mitigation: str, singles: Sequence[tuple[Row, float]], params: Params) -> list[str]:
    """For each network: does the gain in accuracy go along with the rise of the share?"""
    sentences = []
    for network in dict.fromkeys(row.place.experiment for row, _ in singles):
        members = [
            (rise, row.tested.effect.effect) for row, rise in singles if row.place.experiment == network
        ]
        found = rank_correlation(
            [rise for rise, _ in members],
            [gain for _, gain in members],
            resamples=params.claims.bootstrap_resamples,
            seed=params.claims.seed,
        )
        if found.rho is not None:
            sentences.append(
                f"{network}, {mitigation}: gain in accuracy against rise of the share, Spearman's rho "
                f"{found.rho:+.2f} ({p_words(found.p)}, {found.n} schemes and sizes, not independent)."
            )
    return sentences
