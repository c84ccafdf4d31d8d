"""B1 and B2: AC/DC beside gradual pruning, at equal epochs, and whether the better network loses less on crossbars."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xbarpaper.claims.accuracy import can_be_tested, paired
from xbarpaper.claims.context import Context
from xbarpaper.claims.effects import COMPARISON, Place, Question, Tested, ask, corrected_level, places
from xbarpaper.claims.rules import judge
from xbarpaper.claims.savings import software_loss
from xbarpaper.claims.schema import OwnClaim
from xbarpaper.support.words import count


def acdc_statements(context: Context, table: pd.DataFrame) -> list[OwnClaim]:
    """Test B1 and B2 on the tidy table ``acdc``; none where it is empty."""
    if table.empty:
        return []
    named = context.trained_rows(table.rename(columns={"schedule": "mitigation"}))
    return [_software(context, named), _on_crossbars(context, named)]


def _software(context: Context, named: pd.DataFrame) -> OwnClaim:
    """B1: what gradual pruning loses in software against AC/DC, a row for each training."""
    rows = paired(named, "gradual", "AC/DC")
    accuracies = rows[["software_accuracy_before", "software_accuracy"]]
    rows = rows.assign(
        effect=rows["software_accuracy_before"] - rows["software_accuracy"],
        testable=accuracies.max(axis=1) > context.limits(rows),
    )
    trained = rows.groupby([*COMPARISON, "training_seed"], sort=False, as_index=False).first()
    question = Question("gradual", "AC/DC", trained)
    tested = [_kept(question, place, context) for place in places(trained)]
    means = tested[-1].means
    return _concluded(
        context, "B1", tested,
        f"Software accuracy {means['software_accuracy_before']:.2f} % by AC/DC, {means['software_accuracy']:.2f} % by "
        f"gradual pruning at equal epochs: {tested[-1].words('more by AC/DC', 'less by AC/DC')}.",
    )  # fmt: skip


def _kept(question: Question, place: Place, context: Context) -> Tested:
    level = corrected_level(context.settings, place.family)
    means, low, high, n, inference = software_loss(place.rows, level, context.images)
    testable = place.rows["testable"].any()
    verdict = judge(low, high, context.settings.equivalence_points) if testable else "not testable"
    return Tested(question, place, verdict, low, high, means, {}, n, inference, "")


def _on_crossbars(context: Context, named: pd.DataFrame) -> OwnClaim:
    """B2: what the network that is better in software loses less on the crossbars."""
    rows = paired(named, "AC/DC", "gradual")
    better = np.sign(rows["software_accuracy"] - rows["software_accuracy_before"])
    testable = can_be_tested(rows, context.limits(rows), pruning=True)
    rows = rows.assign(effect=better * rows["effect"], testable=testable)
    margin = context.settings.equivalence_points
    tested = ask(Question("AC/DC", "gradual", rows, margin=margin), context.settings)
    means, by_network = tested[-1].means, tested[-1].place.rows.groupby(COMPARISON)["effect"].mean()
    lost = means["software_accuracy"] - means["accuracy"]
    before = means["software_accuracy_before"] - means["accuracy_before"]
    return _concluded(
        context, "B2", tested,
        f"On the crossbars networks of AC/DC lose {lost:.2f} points, those of gradual pruning {before:.2f}. The one "
        f"that is better in software loses less in {int((by_network > 0).sum())} of {count(len(by_network), 'pair')}: "
        f"{tested[-1].words('less loss', 'more loss')}.",
    )  # fmt: skip


def _concluded(context: Context, identity: str, tested: list[Tested], summary: str) -> OwnClaim:
    """The verdict is that of the last level, all networks together."""
    cases = [one.case(one.place.words(context.labels)) for one in tested]
    return OwnClaim.of(context.texts[identity], tested[-1].verdict, summary, cases)
