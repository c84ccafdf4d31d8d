"""A statement of our own whose verdict is that of the overall effects it asks for; single comparisons stand beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xbarpaper.claims.context import Context
from xbarpaper.claims.effects import Question, Tested, ask
from xbarpaper.claims.rules import joined
from xbarpaper.claims.schema import Outcome, OwnClaim


def concluded(
    identity: str, questions: Sequence[Question], context: Context, notes: Sequence[str] = ()
) -> OwnClaim:
    """Ask every question of a statement; all of them must hold.

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
