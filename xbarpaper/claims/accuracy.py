"""C2, C3 and C4: what pruning costs on crossbars, and what R and WCT give back, on the same devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from xbarpaper.claims.context import Context
from xbarpaper.claims.effects import COMPARISON, Question, Tested, ask, interval_words
from xbarpaper.claims.rules import conclude
from xbarpaper.claims.schema import Claim, compared

BASELINES: Final = {
    "C2": {"none": "unpruned"},
    "C3": {"R": "none", "R+WCT": "WCT", "best R": "none"},
    "C4": {"WCT": "none", "R+WCT": "R", "best WCT": "none"},
}
"""What each claim compares, and with what."""


def questions(identity: str, evaluation: pd.DataFrame, context: Context, gain: str) -> list[Question]:
    """What C2, C3 or C4 asks of a table of evaluations, at one gain mode of the readout."""
    table = evaluation[(evaluation["effects"] == "both") & (evaluation["gain"] == gain)]
    found = []
    for mitigation, baseline in BASELINES[identity].items():
        rows = paired(context.trained_rows(table), mitigation, baseline)
        if len(rows):
            testable = can_be_tested(rows, context.limits(rows), pruning=identity == "C2")
            margin = context.settings.equivalence_points
            found.append(Question(mitigation, baseline, rows.assign(testable=testable), margin=margin))
    return found


def with_strongest(evaluation: pd.DataFrame, strongest: pd.DataFrame) -> pd.DataFrame:
    """The evaluations, and those of the settings of R and WCT that a search found best, on the same devices."""
    best = strongest[
        strongest["mitigation"].isin(["best R", "best WCT"]) & (strongest["pruned"] == "trained")
    ]
    return pd.concat([evaluation, best], ignore_index=True) if len(best) else evaluation


def paired(
    table: pd.DataFrame,
    mitigation: str,
    baseline: str,
    by: Sequence[str] = (*COMPARISON, "training_seed", "seed"),
) -> pd.DataFrame:
    """A mitigation beside its baseline, or pruned beside ``unpruned``, on the same trained networks and devices.

    Args:
        table: evaluations at one gain mode.
        mitigation, baseline: what is compared with what.
        by: columns that tell what the two have in common; scheme among them.

    Returns:
        A row for each pair, its ``effect`` in points: loss added by pruning, or loss reduced by the mitigation, each
        network's loss counted from its own software accuracy; beside it ``accuracy_effect``, and the accuracies.
    """
    pruning = baseline == "unpruned"
    before = table[table["mitigation"] == ("none" if pruning else baseline)]
    after = table[table["mitigation"] == mitigation]
    common = [name for name in by if not (pruning and name == "scheme")]
    if pruning:
        before, after = before[before["scheme"] == "unpruned"], after[after["scheme"] != "unpruned"]
    columns = ["accuracy", "software_accuracy"]
    rows = after[[*by, "network", "dataset", *columns]].merge(
        before[[*common, *columns]], on=common, suffixes=("", "_before"), validate="many_to_one"
    )
    gained = rows["accuracy"] - rows["accuracy_before"]
    reduced = gained - (rows["software_accuracy"] - rows["software_accuracy_before"])
    return rows.assign(effect=-reduced if pruning else reduced, accuracy_effect=gained)


def can_be_tested(
    rows: pd.DataFrame, limit: pd.Series | float, *, pruning: bool, by: Sequence[str] = COMPARISON
) -> pd.Series:
    """Whether a comparison can show anything: see the rule ``chance``.

    Args:
        rows: with ``accuracy`` and ``accuracy_before``.
        limit: accuracy below which a network is as good as guessing, percent, one for all or one for each row.
        pruning: whether pruned and unpruned networks are compared, not one network with and without a mitigation.
        by: columns that tell the comparisons.
    """
    groups = rows.groupby(list(by), dropna=False)
    after, before = (groups[name].transform("mean") <= limit for name in ("accuracy", "accuracy_before"))
    return ~(after | before if pruning else after & before)


def on_crossbars(identity: str, evaluation: pd.DataFrame, context: Context) -> Claim:
    """Test C2 (pruning), C3 (R) or C4 (WCT), for every comparison and the levels above."""
    asked = questions(identity, evaluation, context, context.params.readout.gain)
    words = _pruned if identity == "C2" else _mitigated
    rows = [
        one.row(words(one) + _chance(one), context.labels)
        for question in asked
        for one in ask(question, context.settings)
    ]
    return conclude(context.texts[identity], rows)


def _pruned(one: Tested) -> str:
    means = one.means
    lost = means["software_accuracy"] - means["accuracy"]
    before = means["software_accuracy_before"] - means["accuracy_before"]
    return (
        f"pruned networks lose {lost:.2f} points on the crossbars, unpruned ones {before:.2f}, "
        f"{one.words('more', 'less')}"
    )


def _mitigated(one: Tested) -> str:
    means = one.means
    accuracy = interval_words(means["accuracy_effect"], *one.bounds["accuracy_effect"])
    return (
        f"{compared(one.question.mitigation, one.question.baseline)}, {one.words('less loss', 'more loss')}; accuracy on "
        f"the crossbars {means['accuracy_before']:.2f} to {means['accuracy']:.2f} %, {accuracy}"
    )


def _chance(one: Tested) -> str:
    if one.verdict != "not testable":
        return ""
    return f"; at {one.means['accuracy']:.2f} % and {one.means['accuracy_before']:.2f} % it is too near to chance"
