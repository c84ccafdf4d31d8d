"""What a verdict is, and the rules that lead from numbers to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from xbarpaper.claims.groups import Level, Place
from xbarpaper.claims.replicates import MOST_SEEDS, POWER, TRAINING_SEEDS, Tested, seeds_needed
from xbarpaper.claims.statements import Statement
from xbarpaper.support.statistics import RESOLUTION, Effect, holm
from xbarpaper.support.words import count

Outcome = Literal["supported", "not supported", "undecided"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("supported", "not supported", "undecided")

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


@dataclass(frozen=True)
class Verdict:
    """An effect and its verdict, of one comparison or of a level above.

    Attributes:
        level, experiment, network, dataset, crossbar_size, scheme, mitigation: as in ``Place``.
        verdict: of this effect.
        effect, low, high: the effect with its interval, in ``unit``; ``None`` where there is no interval.
        p, p_holm: p value, and corrected for the family; ``None`` where nothing is tested.
        n: pairs or seeds behind the test, or images behind the interval.
        unit: of effect, low and high.
        bootstrap_low, bootstrap_high, sign_flip_p: interval and p that lean on no normal distribution.
        inference: what the ``n`` are; empty where nothing is sampled.
        training_seeds: trained networks behind each comparison.
        needed_seeds: ``23 variation seeds`` for an undecided effect, else empty.
        summary: a sentence.
        details: further numbers by name.
    """

    level: Level
    experiment: str | None
    network: str | None
    dataset: str | None
    crossbar_size: int | None
    scheme: str | None
    mitigation: str
    verdict: Outcome
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    n: int | None
    unit: str
    bootstrap_low: float | None
    bootstrap_high: float | None
    sign_flip_p: float | None
    inference: str
    training_seeds: int
    needed_seeds: str
    summary: str
    details: dict[str, float | int | str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A statement of the paper, its comparisons, the levels above them, and what they say together.

    Attributes:
        id, text, rule: of the statement.
        verdicts: single comparisons.
        levels: per crossbar size, per network and overall, for each mitigation.
        overall: verdict of the claim.
        main: mitigations that it is about; others are reported beside them.
        by_mitigation: verdict of each mitigation's overall effect.
        counts: verdicts of the comparisons that the claim is about.
        summary: sentences.
        notes: those of the summary that are particular to the numbers.
    """

    id: str
    text: str
    rule: str
    verdicts: list[Verdict]
    levels: list[Verdict]
    overall: Outcome
    main: list[str]
    by_mitigation: dict[str, Outcome]
    counts: dict[str, int]
    summary: str
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values, numbers rounded to nine digits so that they are the same on every machine."""
        return dict(plain(asdict(self)))


def judge(effect: Effect, p_holm: float | None, confidence: float) -> Outcome:
    """Apply the rule ``paired`` to one effect."""
    if effect.low is not None and effect.high is not None:
        if max(abs(effect.low), abs(effect.high)) <= RESOLUTION or effect.high < 0:
            return "not supported"
        if effect.effect > 0 and p_holm is not None and p_holm < 1 - confidence:
            return "supported"
    return "undecided"


def verdict_of(
    place: Place,
    tested: Tested,
    outcome: Outcome,
    *,
    p_holm: float | None,
    alpha: float,
    unit: str,
    summary: str,
    details: dict[str, float | int | str | None],
) -> Verdict:
    """A tested effect as a row; ``alpha`` is the level at which more seeds would be tested."""
    effect = tested.effect
    return Verdict(
        **_flat(place),
        verdict=outcome,
        effect=effect.effect,
        low=effect.low,
        high=effect.high,
        p=effect.p,
        p_holm=p_holm,
        n=effect.n,
        unit=unit,
        bootstrap_low=effect.bootstrap_low,
        bootstrap_high=effect.bootstrap_high,
        sign_flip_p=effect.sign_flip_p,
        inference=tested.inference,
        training_seeds=place.trained,
        needed_seeds=needed_words(tested, alpha) if outcome == "undecided" else "",
        summary=summary,
        details=details,
    )


def measured_verdict(
    place: Place,
    outcome: Outcome,
    effect: float,
    bounds: tuple[float | None, float | None],
    *,
    unit: str,
    n: int | None,
    inference: str,
    needed_seeds: str,
    summary: str,
    details: dict[str, float | int | str | None],
) -> Verdict:
    """An effect that is judged by its bounds, without a p value, as a row."""
    return Verdict(
        **_flat(place),
        verdict=outcome,
        effect=effect,
        low=bounds[0],
        high=bounds[1],
        p=None,
        p_holm=None,
        n=n,
        unit=unit,
        bootstrap_low=None,
        bootstrap_high=None,
        sign_flip_p=None,
        inference=inference,
        training_seeds=place.trained,
        needed_seeds=needed_seeds,
        summary=summary,
        details=details,
    )


def _flat(place: Place) -> dict[str, Any]:
    return {name: value for name, value in vars(place).items() if name != "trained"}


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


def plain(value: Any) -> Any:
    """Numbers rounded to nine digits, those that are not finite as ``None``."""
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    if isinstance(value, float):
        return float(f"{value:.9g}") if abs(value) < float("inf") else None
    return value
