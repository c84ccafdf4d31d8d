"""What a verdict is, and the rules that lead from numbers to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from xbarpaper.figures.labels import count, square
from xbarpaper.figures.style import SCHEME_NAMES
from xbarpaper.statistics import RESOLUTION, Effect, holm

Outcome = Literal["supported", "not supported", "undecided"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("supported", "not supported", "undecided")

RULE: Final = (
    "supported: the mean effect is positive (the claimed direction) and its p value (paired t test over "
    "variation seeds, corrected after Holm over all comparisons of the claim with the same mitigation) is "
    "below 1 - confidence. not supported: the interval lies entirely below zero, or every pair shows "
    "exactly no effect. undecided: anything else; an effect smaller than the seeds can resolve is not "
    "evidence against the claim."
)
OVERALL_RULE: Final = (
    "supported: every comparison is. not supported: none is supported and at least one is not supported. "
    "undecided: anything else; the summary gives the counts."
)


@dataclass(frozen=True)
class Verdict:
    """One comparison of a claim.

    Attributes:
        experiment, network, dataset: what was compared.
        crossbar_size: rows and columns of the crossbars.
        scheme: pruning scheme.
        mitigation: the mitigation under test, or ``none``.
        verdict: of this comparison.
        effect, low, high: the effect with its interval, in ``unit``; ``None`` where there is no interval.
        p, p_holm: p value, and corrected for the other comparisons; ``None`` where nothing is tested.
        n: pairs behind the test, or images behind the interval.
        unit: of effect, low and high.
        summary: a sentence.
        details: further numbers by name.
    """

    experiment: str
    network: str
    dataset: str
    crossbar_size: int
    scheme: str
    mitigation: str
    verdict: Outcome
    effect: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    n: int | None
    unit: str
    summary: str
    details: dict[str, float | int | str | None] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Which comparison this is, for sentences."""
        name = SCHEME_NAMES.get(self.scheme, self.scheme)
        return f"{self.network.upper()} ({self.experiment}), {square(self.crossbar_size)}, {name}"


@dataclass(frozen=True)
class Claim:
    """A statement of the paper, its comparisons and what they say together."""

    id: str
    text: str
    rule: str
    verdicts: list[Verdict]
    overall: Outcome
    summary: str
    by_mitigation: dict[str, Outcome]
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values, numbers rounded to nine digits so that they are the same on every machine."""
        return dict(_plain(asdict(self)))


def judge(effect: Effect, p_holm: float | None, confidence: float) -> Outcome:
    """Apply ``RULE`` to one comparison."""
    if effect.low is not None and effect.high is not None:
        if max(abs(effect.low), abs(effect.high)) <= RESOLUTION or effect.high < 0:
            return "not supported"
        if effect.effect > 0 and p_holm is not None and p_holm < 1 - confidence:
            return "supported"
    return "undecided"


def corrected(effects: Sequence[Effect], families: Sequence[str]) -> list[float | None]:
    """p values corrected after Holm within each family, in the order of ``effects``."""
    result: list[float | None] = [None] * len(effects)
    for family in dict.fromkeys(families):
        members = [index for index, name in enumerate(families) if name == family]
        for index, p in zip(members, holm([effects[index].p for index in members]), strict=True):
            result[index] = p
    return result


def conclude(
    identity: str,
    text: str,
    rule: str,
    verdicts: Sequence[Verdict],
    *,
    main: Sequence[str],
    notes: Sequence[str] = (),
) -> Claim:
    """Join comparisons into a claim, by ``OVERALL_RULE``.

    Args:
        identity, text, rule: of the claim.
        verdicts: all comparisons.
        main: mitigations that the claim is about; others are reported but do not count for the overall
            verdict.
        notes: sentences that follow the counts in the summary.
    """
    counted = [verdict for verdict in verdicts if verdict.mitigation in main]
    names = list(dict.fromkeys(verdict.mitigation for verdict in verdicts))
    groups = {name: [verdict for verdict in verdicts if verdict.mitigation == name] for name in names}
    sentences = [f"{name}: {_counts(group)}" for name, group in groups.items()]
    counts = " ".join(sentences) if len(groups) > 1 else _counts(counted)
    return Claim(
        id=identity,
        text=text,
        rule=rule,
        verdicts=list(verdicts),
        overall=overall([verdict.verdict for verdict in counted]),
        summary=" ".join([counts[:1].upper() + counts[1:], *notes]),
        by_mitigation={
            name: overall([verdict.verdict for verdict in group]) for name, group in groups.items()
        },
        notes=list(notes),
    )


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """Apply ``OVERALL_RULE``."""
    counts = Counter(outcomes)
    if outcomes and counts["supported"] == len(outcomes):
        return "supported"
    return "not supported" if not counts["supported"] and counts["not supported"] else "undecided"


def _counts(verdicts: Sequence[Verdict]) -> str:
    counts = Counter(verdict.verdict for verdict in verdicts)
    if not verdicts:
        return "no comparison."
    told = [f"{outcome} in {counts[outcome]}" for outcome in OUTCOMES if counts[outcome]]
    return f"{', '.join(told)} of {count(len(verdicts), 'comparison')}."


def with_summary(verdict: Verdict, text: str) -> Verdict:
    """The same verdict with another sentence."""
    return replace(verdict, summary=text)


def p_words(p: float | None) -> str:
    """``p = 0.012``, ``p < 0.001`` or ``not tested``."""
    if p is None:
        return "not tested"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def effect_words(effect: Effect, confidence: float, unit: str = "points") -> str:
    """``+1.20 points (95 % interval +0.80 to +1.60, 5 seeds)``."""
    if effect.low is None or effect.high is None:
        return f"{effect.effect:+.2f} {unit} ({count(effect.n, 'seed')}, no interval)"
    interval = f"{100 * confidence:g} % interval {effect.low:+.2f} to {effect.high:+.2f}"
    return f"{effect.effect:+.2f} {unit} ({interval}, {count(effect.n, 'seed')})"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, float):
        return float(f"{value:.9g}") if abs(value) < float("inf") else None
    return value
