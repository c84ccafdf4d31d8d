"""What every claim is tested with, and how statements of our own are concluded that ask for overall effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from xbarpaper.claims.effects import Question, Tested, ask
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.rules import joined
from xbarpaper.claims.schema import Outcome, OwnClaim
from xbarpaper.claims.statements import Statement
from xbarpaper.params import Claims, Params


@dataclass(frozen=True)
class Context:
    """What every claim is tested with."""

    params: Params  # the profile
    chance: Mapping[str, float]  # dataset -> accuracy of guessing, percent
    texts: Mapping[str, Statement] = field(default_factory=dict)  # the statements by id
    images: Mapping[str, int] = field(default_factory=dict)  # dataset -> images in its test set

    @cached_property
    def labels(self) -> Labels:
        """Words of the profile."""
        return Labels.of(self.params)

    @property
    def settings(self) -> Claims:
        """Confidence, margins and tolerance."""
        return self.params.claims

    def limits(self, rows: pd.DataFrame) -> pd.Series:
        """Accuracy up to which a network is as good as guessing (rule ``chance``), percent, for each row."""
        return rows["dataset"].map(self.chance) + self.settings.chance_distance_points

    def trained_rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows with replicates as one experiment, and the training seed of every experiment."""
        seeds = {name: one.training_seed for name, one in self.params.experiments.items()}
        own = table.assign(training_seed=table["experiment"].map(seeds))
        return own.assign(experiment=self.labels.pooled(table)["experiment"])


def concluded(
    identity: str, questions: Sequence[Question], context: Context, notes: Sequence[str] = ()
) -> OwnClaim:
    """Ask every question of a statement; all overall effects must hold, and single comparisons stand beside.

    Args:
        identity: of the statement.
        questions: its effects; ``mitigation`` says what each is.
        context: what it is tested with.
        notes: sentences that follow in the summary.
    """
    tops, others = list[Tested](), list[Tested]()
    for question in questions:
        for one in ask(question, context.settings):
            (tops if one.place.level == "overall" else others).append(one)
    # A level that joins the same comparisons as another is the same effect, and told once.
    shown: dict[Any, Tested] = {}
    for one in (*tops, *others):
        shown.setdefault((one.question.mitigation, *one.place.rows.index), one)
    verdicts: list[Outcome] = [one.verdict for one in tops]
    told = [
        one.words(one.question.mitigation) + (f" ({one.verdict})" if len(set(verdicts)) > 1 else "")
        for one in tops
    ]
    summary = " ".join([f"Overall, {'; '.join(told)}.", *notes])
    cases = [
        one.case(f"{one.place.words(context.labels)}: {one.question.mitigation}") for one in shown.values()
    ]
    return OwnClaim.of(context.texts[identity], joined(verdicts), summary, cases)
