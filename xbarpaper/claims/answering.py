"""A statement of our own whose verdict is that of the overall effects it asks for; single comparisons stand beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xbarpaper.claims.effects import Question, Tested, ask
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.rules import joined
from xbarpaper.claims.schema import Outcome, OwnClaim
from xbarpaper.claims.statements import Statement
from xbarpaper.params import Params


def concluded(
    statement: Statement, questions: Sequence[Question], params: Params, notes: Sequence[str] = ()
) -> OwnClaim:
    """Ask every question of a statement; all of them must hold.

    Args:
        statement: what is tested.
        questions: its effects; ``mitigation`` says what each is.
        params: the profile.
        notes: sentences that follow in the summary.
    """
    labels, tops, others = Labels.of(params), list[Tested](), list[Tested]()
    for question in questions:
        for one in ask(question, params.claims):
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
    return OwnClaim(
        id=statement.id,
        text=statement.text,
        rule=statement.rule,
        overall=joined(verdicts),
        summary=" ".join([f"Overall, {'; '.join(told)}.", *notes]),
        cases=[one.case(f"{one.place.words(labels)}: {one.question.mitigation}") for one in shown.values()],
    )
