"""The rules that lead from numbers to verdicts, and from verdicts to a claim's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from xbarpaper.claims.replicates import MOST_SEEDS, POWER, TRAINING_SEEDS, Tested, seeds_needed
from xbarpaper.claims.schema import OUTCOMES, Claim, Outcome, Verdict
from xbarpaper.claims.statements import Statement
from xbarpaper.support.statistics import RESOLUTION, Effect, holm
from xbarpaper.support.words import count

RULES: Final = {
    "paired": (
        "supported: the mean effect is positive (the claimed direction) and its p value (paired t test, "
        "corrected after Holm over the family) is below 1 - confidence. not supported: Student's interval "
        "lies entirely below zero, or every pair shows exactly no effect. undecided: anything else; an effect "
        "smaller than the seeds can resolve is not evidence against the claim."
    ),
    "comparison": (
        "One network, crossbar size, scheme and mitigation. Its training seeds are fixed strata: the pairs are "
        "training seed x variation seed, all on the same devices, each trained network has its own mean, and "
        "the spread within the networks gives the error. supported also needs the claimed sign in every "
        "trained network."
    ),
    "levels": (
        "Per crossbar size, per network and overall. One seed disturbs all comparisons alike, so the effect is "
        "averaged over the level's comparisons within each replicate first, and the replicates are tested. "
        f"Replicates are training seeds (each the mean over its variation seeds) where a network has at least "
        f"{TRAINING_SEEDS}, and where several networks are joined, each has the same ones; otherwise variation "
        "seeds. Intervals: Student's t, which the rules use; beside it a bootstrap interval, BCa over variation "
        "seeds, and hierarchical (training seeds, then variation seeds) over training seeds. With few "
        "seeds a bootstrap interval is too narrow to decide: in simulations with three training seeds it holds "
        "the true mean in 75 to 90 % of cases where it says 95 %."
    ),
    "families": (
        "Holm's correction. Comparisons: all of a claim with the same mitigation. Sizes and networks: each all "
        "of a claim with the same mitigation. Overall: C2, C3 (R against none) and C4 (WCT against none) "
        "together; the overall effects of R+WCT together."
    ),
    "overall": (
        "A claim's verdict is that of its overall effect; for C5, which names two mitigations, supported if "
        "both are, not supported if either is not, undecided otherwise. The counts of single comparisons are "
        "told beside it."
    ),
    "needed_seeds": (
        f"For an undecided effect: seeds with which a two-sided paired t test finds an effect as large as the "
        f"observed one, with its observed spread, with a chance of {100 * POWER:g} %, at the level 1 - "
        "confidence divided by the size of the family (the strictest that Holm asks for). Where the observed "
        "effect is negative, so many seeds would show that it is."
    ),
}


def judge(effect: Effect, p_holm: float | None, confidence: float) -> Outcome:
    """Apply the rule ``paired`` to one effect."""
    if effect.low is not None and effect.high is not None:
        if max(abs(effect.low), abs(effect.high)) <= RESOLUTION or effect.high < 0:
            return "not supported"
        if effect.effect > 0 and p_holm is not None and p_holm < 1 - confidence:
            return "supported"
    return "undecided"


def needed_words(tested: Tested, alpha: float) -> str:
    """``23 variation seeds``, or ``more than 1000 variation seeds``; empty where one value tells no spread."""
    if tested.effect.low is None:
        return ""
    needed = seeds_needed(tested.effect.effect, tested.spread, alpha, strata=tested.strata)
    return count_words(needed, MOST_SEEDS, tested.inference)


def count_words(needed: int | None, most: int, unit: str) -> str:
    """A number of seeds or images that is needed, in words."""
    return f"more than {count(most, unit)}" if needed is None else count(needed, unit)


def corrected(effects: Sequence[Effect], families: Sequence[str]) -> list[float | None]:
    """p values corrected after Holm within each family, in the order of ``effects``."""
    result: list[float | None] = [None] * len(effects)
    for family in dict.fromkeys(families):
        members = [index for index, name in enumerate(families) if name == family]
        for index, p in zip(members, holm([effects[index].p for index in members]), strict=True):
            result[index] = p
    return result


def conclude(
    statement: Statement, rows: Sequence[Verdict], *, main: Sequence[str], notes: Sequence[str] = ()
) -> Claim:
    """Join rows of all levels into a claim, by the rule ``overall``.

    Args:
        statement: of the paper.
        rows: comparisons and levels.
        main: mitigations that the claim is about; others are reported but do not count for its verdict.
        notes: sentences that follow in the summary.
    """
    verdicts = [row for row in rows if row.level == "comparison"]
    levels = [row for row in rows if row.level != "comparison"]
    tops = {row.mitigation: row for row in levels if row.level == "overall"}
    found = Counter(row.verdict for row in verdicts if row.mitigation in main)
    sentences = [tops[name].summary for name in main if name in tops]
    for name in tops:
        group = Counter(row.verdict for row in verdicts if row.mitigation == name)
        head = f"Comparisons, {name}: " if len(tops) > 1 else "Comparisons: "
        told = ", ".join(f"{outcome} in {group[outcome]}" for outcome in OUTCOMES if group[outcome])
        sentences.append(f"{head}{told} of {group.total()}.")
    return Claim(
        id=statement.id,
        text=statement.text,
        rule=statement.rule,
        verdicts=verdicts,
        levels=levels,
        overall=joined([tops[name].verdict for name in main if name in tops]),
        main=[name for name in main if name in tops],
        by_mitigation={name: row.verdict for name, row in tops.items()},
        counts={outcome: found[outcome] for outcome in OUTCOMES},
        summary=" ".join([*(sentences or ["No comparison."]), *notes]),
        notes=list(notes),
    )


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """The verdict on several statements at once: supported if all are, not supported if any is not."""
    if "not supported" in outcomes:
        return "not supported"
    return "supported" if outcomes and set(outcomes) == {"supported"} else "undecided"


def p_words(p: float | None) -> str:
    """``p = 0.012``, ``p < 0.001`` or ``not tested``."""
    if p is None:
        return "not tested"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def effect_words(effect: Effect, confidence: float, inference: str = "seed", unit: str = "points") -> str:
    """``+1.20 points (95 % interval +0.80 to +1.60, 5 variation seeds)``."""
    seeds = count(effect.n, inference)
    if effect.low is None or effect.high is None:
        return f"{effect.effect:+.2f} {unit} ({seeds}, no interval)"
    interval = f"{100 * confidence:g} % interval {effect.low:+.2f} to {effect.high:+.2f}"
    return f"{effect.effect:+.2f} {unit} ({interval}, {seeds})"
