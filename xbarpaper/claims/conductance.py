"""C5: do the mitigations work by raising the share of low-conductance synapses?"""

from __future__ import annotations

import math
from typing import Final

import pandas as pd

from xbarpaper.claims.context import Context
from xbarpaper.claims.effects import COMPARISON, CORRELATION, Question, Tested, ask, interval_words
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.rules import conclude
from xbarpaper.claims.schema import ALGEBRA, Claim, Verdict, compared
from xbarpaper.support.statistics import RESOLUTION

NOT_MEASURED: Final = (
    "Whether crossbars with more low conductances compute more accurately was not measured in this profile."
)
CLAMPED: Final = (
    "Where the limit of WCT lies above {share:g} of w_max, below which a device counts as low, clamping moves no device "
    "across that threshold: whatever changes the share is then the drift of training on."
)
ASSOCIATION: Final = "share_nf_rho"
"""Column of the table of layers: rank correlation of share and non-ideality factor over a layer's crossbars."""

_SHARE: Final = "low_conductance_share"


def share_rises(context: Context, evaluation: pd.DataFrame, layers: pd.DataFrame) -> Claim:
    """Test C5: the share with each mitigation, and over single crossbars whether more low conductances help."""
    labels, settings = context.labels, context.settings
    by = [*COMPARISON, "training_seed", "network", "dataset", "mitigation"]
    table = context.trained_rows(evaluation[evaluation["effects"] == "both"])
    table = table.groupby(by, sort=False, as_index=False)[[_SHARE, "nf"]].mean()
    table[_SHARE] *= 100
    plain = table[table["mitigation"] == "none"].drop(columns=["mitigation", "network", "dataset"])
    rows: list[Verdict] = []
    for mitigation in ("R", "WCT", "R+WCT"):
        own = table[table["mitigation"] == mitigation]
        pairs = own.merge(
            plain, on=[*COMPARISON, "training_seed"], suffixes=("", "_before"), validate="one_to_one"
        )
        if pairs.empty:
            continue
        risen = pairs[_SHARE] - pairs[f"{_SHARE}_before"]
        pairs = pairs.assign(effect=risen.where(risen.abs() > RESOLUTION, 0.0), testable=True)
        question = Question(
            mitigation, "none", pairs, over="", unit="percentage points", margin=settings.equivalence_points
        )  # fmt: skip
        tested = ask(question, settings)
        # A permutation cannot change the share: one line says so, not one for each comparison.
        chosen = [one for one in tested if one.place.level == "overall"] if mitigation == "R" else tested
        rows += [_share(one, labels) for one in chosen]
    clamped = bool(rows) and context.params.wct.range == "old"
    notes = [CLAMPED.format(share=context.params.mapping.low_conductance_threshold)] if clamped else []
    known = layers.dropna(subset=[ASSOCIATION]) if ASSOCIATION in layers else layers[:0]
    known = known[known["mitigation"] == "none"]
    if len(known):
        columns = [*COMPARISON, "network", "dataset", "training_seed", "layer"]
        found = context.trained_rows(known)
        found = found[columns].assign(
            effect=-found[ASSOCIATION], weights_effect=-found["share_error_rho"], testable=True
        )
        margin = settings.equivalence_correlation
        question = Question("none", "", found, over="layer", unit=CORRELATION, margin=margin)
        rows += [_mechanism(one, labels) for one in ask(question, settings)]
    return conclude(
        context.texts["C5"], rows, notes=notes if len(known) else [*notes, NOT_MEASURED], decided=["R"]
    )


def _share(one: Tested, labels: Labels) -> Verdict:
    means = one.means
    of_r = one.question.mitigation == "R"
    summary = (
        f"{compared(one.question.mitigation, one.question.baseline)}: the low-conductance share of the network goes "
        f"from {means[f'{_SHARE}_before']:.2f} to {means[_SHARE]:.2f} %, {one.words()}, and the mean non-ideality factor "
        f"from {means['nf_before']:.4f} to {means['nf']:.4f}"
        + (
            "; a permutation cannot change the share of a network, so this is decided by algebra"
            if of_r
            else ""
        )
    )
    row = one.row(summary, labels)
    return row.model_copy(update={"n": None, "inference": ALGEBRA}) if of_r else row


def _mechanism(one: Tested, labels: Labels) -> Verdict:
    effect, beside = one.means["weights_effect"], ""
    if not math.isnan(effect):  # no layer has pairs enough for it
        weights = interval_words(effect, *one.bounds["weights_effect"], "")
        beside = f" (not judged, beside it: have they the smaller relative error of the weights? {weights})"
    return one.row(
        f"do crossbars with more low conductances lose less of their current (non-ideality factor)?{beside} Mean over "
        f"layers: {one.words()}",
        labels,
    )
