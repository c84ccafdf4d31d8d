"""B1 and B2: AC/DC beside gradual pruning, at equal epochs, and whether the better network loses less on crossbars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from xbarpaper.claims.accuracy import can_be_tested, paired
from xbarpaper.claims.effects import (
    COMPARISON,
    Place,
    Question,
    Tested,
    ask,
    corrected_level,
    places,
    trained_rows,
)
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.rules import judge
from xbarpaper.claims.savings import software_loss
from xbarpaper.claims.schema import Outcome, OwnClaim
from xbarpaper.claims.statements import Statement
from xbarpaper.params import Params
from xbarpaper.support.words import count

_TRAINING: Final = [*COMPARISON, "training_seed"]


def acdc_statements(
    texts: Mapping[str, Statement],
    table: pd.DataFrame,
    params: Params,
    chance: Mapping[str, float],
    images: Mapping[str, int],
) -> list[OwnClaim]:
    """Test B1 and B2; none where the table is empty.

    Args:
        texts: the statements by id.
        table: the tidy table ``acdc``.
        params: the profile.
        chance: dataset -> accuracy of guessing, percent.
        images: dataset -> images in its test set.
    """
    if table.empty:
        return []
    labels = Labels.of(params)
    named = trained_rows(table.rename(columns={"schedule": "mitigation"}), params, labels)
    rows = paired(named, "AC/DC", "gradual")
    limit = rows["dataset"].map(chance) + params.claims.chance_distance_points
    kept = _software(rows, limit)
    tested = [_kept(kept, place, params, images) for place in places(kept.rows)]
    better = np.sign(rows["software_accuracy"] - rows["software_accuracy_before"])
    turned = rows.assign(effect=better * rows["effect"], testable=can_be_tested(rows, limit, pruning=True))
    loss = Question("B2", "AC/DC", "gradual", turned, margin=params.claims.equivalence_points)
    return [
        _concluded(texts["B1"], tested, _kept_words(tested[-1]), labels),
        _concluded(texts["B2"], lost := ask(loss, params.claims), _loss_words(lost[-1]), labels),
    ]


def _software(rows: pd.DataFrame, limit: pd.Series) -> Question:
    """What B1 asks, a row for each training; ``effect`` is what ``software_loss`` tests: gradual minus AC/DC."""
    rows = rows.assign(
        effect=rows["software_accuracy_before"] - rows["software_accuracy"],
        testable=rows[["software_accuracy", "software_accuracy_before"]].max(axis=1) > limit,
    )
    return Question("B1", "AC/DC", "gradual", rows.groupby(_TRAINING, sort=False, as_index=False).first())


def _kept(question: Question, place: Place, params: Params, images: Mapping[str, int]) -> Tested:
    means, low, high, (n, inference) = software_loss(
        place.rows, corrected_level(params.claims, place.family), images
    )
    gained = means | {"effect": -means["effect"]}
    verdict: Outcome = judge(-high, -low, params.claims.equivalence_points)
    if not place.rows["testable"].any():
        verdict = "not testable"
    return Tested(question, place, verdict, -high, -low, gained, {}, n, inference, "")


def _kept_words(one: Tested) -> str:
    after, before = (one.means[name] for name in ("software_accuracy", "software_accuracy_before"))
    return (
        f"Software accuracy {after:.2f} % by AC/DC, {before:.2f} % by gradual pruning at equal epochs: "
        f"{one.words('more by AC/DC', 'less by AC/DC')}."
    )


def _loss_words(one: Tested) -> str:
    means, by_network = one.means, one.place.rows.groupby(COMPARISON)[["effect"]].mean()["effect"]
    lost = means["software_accuracy"] - means["accuracy"]
    before = means["software_accuracy_before"] - means["accuracy_before"]
    return (
        f"On the crossbars networks of AC/DC lose {lost:.2f} points, those of gradual pruning {before:.2f}. The one "
        f"that is better in software loses less in {int((by_network > 0).sum())} of {count(len(by_network), 'pair')}: "
        f"{one.words('less loss', 'more loss')}."
    )


def _concluded(statement: Statement, tested: list[Tested], summary: str, labels: Labels) -> OwnClaim:
    """The verdict is that of the last level, all networks together."""
    return OwnClaim(
        id=statement.id,
        text=statement.text,
        rule=statement.rule,
        overall=tested[-1].verdict,
        summary=summary,
        cases=[one.case(one.place.words(labels)) for one in tested],
    )
