"""The rules that lead from an interval to a verdict, and from verdicts to a claim's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from xbarpaper.claims.schema import OUTCOMES, Claim, Outcome, Verdict
from xbarpaper.claims.statements import Statement
from xbarpaper.params import Claims
from xbarpaper.support.words import count

MAIN: Final = {"C1": ("none",), "C2": ("none",), "C3": ("R",), "C4": ("WCT",), "C5": ("WCT", "none")}
"""The mitigations whose overall effects each claim rests on; see ``main_of``."""

JOINT: Final = sum(map(len, MAIN.values()))
"""How many overall effects share one error rate."""

_KINDS: Final = {"percentage points": "shares", "rank correlation": "correlations"}
"""What the comparisons of C5 are about, by unit."""


def main_of(claim: str, tested: Collection[str]) -> list[str]:
    """The mitigations that a claim's verdict is about: the best settings of each where a search found them.

    Args:
        claim: its id.
        tested: mitigations that have an overall effect.
    """
    best = [f"best {name}" if f"best {name}" in tested else name for name in MAIN[claim]]
    return [name for name in best if name in tested]


def rules(settings: Claims) -> dict[str, str]:
    """The rules in words, by name, with the margins of a profile."""
    points, correlation = settings.equivalence_points, settings.equivalence_correlation
    return {
        "interval": (
            "Each effect has one interval: Student's t over the replicates, corrected after Bonferroni. The intervals "
            f"of one family hold all at once with {100 * settings.confidence:g} %. The verdict is read from this "
            "interval alone; tables print it and figures draw it."
        ),
        "verdicts": (
            f"no effect: the whole interval lies within {points:g} points of zero (within {correlation:g} for a rank "
            "correlation), so whatever effect there is does not matter. supported: the interval lies above zero, the "
            "claimed side, and not wholly within the margin. contradicted: the same below zero. undecided: anything "
            "else, or no interval because the replicates are too few. not testable: see chance."
        ),
        "chance": (
            f"An accuracy within {settings.chance_distance_points:g} points of chance (100 % over the number of "
            "classes) has nothing left to lose. C2 is not testable where the pruned or the unpruned network is that "
            "near on the crossbars (mean over all seeds), C3 and C4 where the network is with the mitigation and "
            "without. Joined effects leave such comparisons out and are not testable where none is left."
        ),
        "replicates": (
            "One seed disturbs all comparisons alike. So the effect is averaged over the comparisons within each "
            "replicate first, and the replicates are one sample. They are training seeds, each averaged over its "
            "devices, where every network that is joined has the same three or more; otherwise variation seeds "
            "(devices), averaged over the trainings. Without three training seeds a verdict speaks of the trained "
            "network only. Where all replicates agree their spread is not known: there is no interval, unless at "
            "least three show exactly no change. All replicates are tested on the same images, so an interval over "
            "devices says nothing of other test images; that of a software accuracy (C1) counts the images."
        ),
        "families": (
            "Comparisons (one network, crossbar size, scheme and mitigation): all of a claim with the same mitigation, "
            "pruned and unpruned networks apart. Crossbar sizes and networks: each all of a claim with the same "
            f"mitigation. Overall: the {JOINT} effects on which C1 to C5 rest; other overall effects get the same level, "
            "and so does a comparison that stands alone, which is the overall effect."
        ),
        "overall": (
            "A claim's verdict is that of its overall effect on the pruned networks; the unpruned ones stand beside. "
            "C3 and C4 are about the settings that a search on validation images found best (best R, best WCT) where a "
            "profile searches, else about R and WCT as the profile sets them. "
            "C5 has several parts: supported if all are, contradicted if one is or shows no effect. Counts are of "
            "single comparisons of pruned networks with the mitigation that the claim is about."
        ),
        "needed_seeds": (
            "For an undecided effect: replicates with which the interval would exclude zero, or lie within the margin, "
            "whichever needs fewer, with a chance of 80 %, if effect and spread are as observed. For C1, where the test "
            "images are what limits, none: all of them are used."
        ),
    }


def judge(low: float | None, high: float | None, margin: float) -> Outcome:
    """The verdict that an interval gives.

    Args:
        low, high: the corrected interval, above zero what the claim says; ``None`` where there is none.
        margin: half-width of the margin of equivalence, same unit.
    """
    if low is None or high is None:
        return "undecided"
    if -margin <= low and high <= margin:
        return "no effect"
    if low > 0:
        return "supported"
    return "contradicted" if high < 0 else "undecided"


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """The verdict on a statement with several parts, all of which must hold."""
    if len(outcomes) == 1:
        return outcomes[0]
    if {"contradicted", "no effect"} & set(outcomes):
        return "contradicted"
    if "not testable" in outcomes:
        return "not testable"
    return "supported" if set(outcomes) == {"supported"} else "undecided"


def conclude(
    statement: Statement, rows: Sequence[Verdict], *, notes: Sequence[str] = (), decided: Sequence[str] = ()
) -> Claim:
    """Join rows of all levels into a claim, by the rule ``overall``.

    Args:
        statement: of the paper.
        rows: comparisons and levels.
        notes: sentences that follow in the summary.
        decided: mitigations that count for the verdict besides those of ``MAIN``.
    """
    levels = [row for row in rows if row.level != "comparison"]
    tops = {row.mitigation: row for row in levels if row.level == "overall"}
    judged = main_of(statement.id, tops)
    verdicts = [
        row.model_copy(update={"counted": row.mitigation in judged and row.scheme != "unpruned"})
        for row in rows
        if row.level == "comparison"
    ]
    main = [name for name in (*decided, *judged) if name in tops]
    sentences = [tops[name].summary for name in main]
    sentences += [row.summary for row in levels if row.level == "unpruned" and row.mitigation in main]
    found = Counter(row.verdict for row in verdicts if row.counted)
    if verdicts:
        sentences.append(f"Of {count(found.total(), 'comparison')}, {counted_words(verdicts) or 'none'}.")
    return Claim(
        id=statement.id,
        text=statement.text,
        rule=statement.rule,
        verdicts=verdicts,
        levels=levels,
        overall=joined([tops[name].verdict for name in main]),
        main=main,
        by_mitigation={name: row.verdict for name, row in tops.items()},
        counts={outcome: found[outcome] for outcome in OUTCOMES},
        summary=" ".join([*(sentences or ["No comparison."]), *notes]),
        notes=list(notes),
    )


def counted_words(verdicts: Iterable[Verdict]) -> str:
    """``4 supported, 2 undecided``: the comparisons that count, as report, tables, figures and README tell them.

    Apart where they measure different things: ``shares: 9 no effect; correlations: 9 supported``.
    """
    found: dict[str, Counter[Outcome]] = {}
    for row in verdicts:
        if row.counted:
            found.setdefault(row.unit, Counter())[row.verdict] += 1
    told = {
        unit: ", ".join(f"{own[outcome]} {outcome}" for outcome in OUTCOMES if own[outcome])
        for unit, own in found.items()
    }
    return "; ".join(f"{_KINDS[unit]}: {words}" if len(told) > 1 else words for unit, words in told.items())
