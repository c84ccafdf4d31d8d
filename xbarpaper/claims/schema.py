"""What ``claims.json`` holds: the claims of a profile with their verdicts. Claims write it, the report reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

import pandas as pd
from pydantic import Field

from xbarpaper.claims.statements import Statement
from xbarpaper.support import files
from xbarpaper.support.validation import Section, parse

Outcome = Literal["supported", "contradicted", "no effect", "undecided", "not testable"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
Level = Literal["comparison", "size", "network", "unpruned", "overall"]


class Verdict(Section):
    """An effect and its verdict, of one comparison or of a level above."""

    # A single comparison, or what its comparisons have in common; ``unpruned`` are the unpruned
    # networks, which stand beside the verdict on the pruned ones
    level: Level
    # What it is about; ``None`` where it is averaged over
    experiment: str | None
    network: str | None
    dataset: str | None
    crossbar_size: int | None
    scheme: str | None
    # What is compared with what
    mitigation: str
    baseline: str
    verdict: Outcome  # read from the interval
    # The effect with its corrected interval, in ``unit``; ``None`` where there is no interval
    effect: float
    low: float | None
    high: float | None
    unit: str  # of effect, low and high
    # How many replicates of which kind are behind the interval
    n: int | None
    inference: str
    training_seeds: int  # trained networks behind each comparison
    counted: bool  # whether it is one of the comparisons that ``Claim.counts`` counts
    needed_seeds: str  # ``23 variation seeds`` for an undecided effect, else empty
    summary: str  # a sentence
    details: dict[str, float | int | str | None]  # further numbers by name

    @property
    def compared(self) -> str:
        """What is compared with what: ``R+WCT against WCT``; ``pruned against unpruned`` without mitigation."""
        return compared(self.mitigation, self.baseline)

    @property
    def sampled(self) -> bool:
        """Whether the interval is of a sample; else low and high are the number itself, which is certain."""
        return self.inference not in (COUNTED, ALGEBRA)


def compared(mitigation: str, baseline: str) -> str:
    """A mitigation with its baseline, in words."""
    if mitigation == "none":
        return f"pruned against {baseline}" if baseline else "without mitigation"
    return f"{mitigation} against {'no mitigation' if baseline == 'none' else baseline}"


COUNTED: Final = "counted"
"""What an effect is tested over that is the same whatever is drawn."""

ALGEBRA: Final = "algebra"
"""What an effect is tested over that no measurement can change."""


class Claim(Section):
    """A statement of the paper, its comparisons, the levels above them, and what they say together."""

    # Of the statement
    id: str
    text: str
    rule: str
    verdicts: list[Verdict]  # single comparisons
    levels: list[Verdict]  # above them, for each mitigation; see the rule ``families``
    overall: Outcome  # verdict of the claim
    main: list[str]  # mitigations that it is about; others are reported beside them
    by_mitigation: dict[str, Outcome]  # verdict of each mitigation's overall effect
    counts: dict[Outcome, int]  # verdicts of the comparisons that are ``counted``
    summary: str  # sentences
    notes: list[str]  # those of the summary that are particular to the numbers

    def tops(self) -> list[Verdict]:
        """The overall effects of the mitigations that the claim is about."""
        return [row for row in self.levels if row.level == "overall" and row.mitigation in self.main]


class Case(Section):
    """One thing on which a statement of our own is decided."""

    what: str  # which network, crossbars, or strength of an effect
    verdict: Outcome  # by the rule of the statement
    # With its interval, or the range of what was counted; ``None`` where there is none
    effect: float | None
    low: float | None
    high: float | None
    unit: str  # of these
    over: str  # what the interval is over, such as ``7 converters``


class OwnClaim(Section):
    """A statement of our own with the cases on which it is decided: see ``claims.hardware``."""

    id: str
    text: str
    rule: str
    overall: Outcome
    summary: str
    cases: list[Case]

    @classmethod
    def of(cls, statement: Statement, overall: Outcome, summary: str, cases: list[Case]) -> Self:
        """The verdict on a statement of ``claims.yaml``, in its words."""
        return cls(
            id=statement.id, text=statement.text, rule=statement.rule, overall=overall, summary=summary, cases=cases
        )  # fmt: skip


class Convention(Section):
    """The overall effect of C2 at one gain mode of the readout."""

    gain: str  # none, or one factor per layer, tile or column
    chosen: bool  # whether the profile reads out so, and the claims are tested so
    verdict: Outcome  # by the rules of the overall effect
    # Points of loss, with the corrected interval
    effect: float
    low: float | None
    high: float | None
    # How many replicates of which kind it was tested over
    n: int | None
    inference: str
    summary: str  # a sentence


class ClaimReport(Section):
    """All claims of a profile, with the rules that judged them, and C2 at every gain mode."""

    profile: str  # whose results were tested
    data: list[str]  # a line for each experiment
    confidence: float  # level of the intervals
    rules: dict[str, str]  # by name, in words
    scope: str  # what the verdicts speak of
    # Whether C2 depends on the gain mode
    conventions_summary: str
    conventions: list[Convention]
    claims: list[Claim]  # C1 to C5
    # Our own statements, those that the profile has numbers for
    own: list[OwnClaim] = Field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> ClaimReport:
        """Read ``claims.json``.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        return parse(files.read_json(path), str(path), cls)

    def rounded(self) -> Self:
        """The same report with the digits that ``claims.json`` keeps, so that all who tell a number tell the same one."""
        return type(self).model_validate(self.as_json())

    def as_json(self) -> dict[str, Any]:
        """Plain values: numbers rounded to nine digits, so that they are the same on every machine, or ``None``."""
        return dict(_plain(self.model_dump()))

    def table(self) -> pd.DataFrame:
        """A row for each effect, columns ``claim`` and those of ``Verdict`` without ``details``.

        A claim's comparisons come first (``level``), then its levels.
        """
        rows = [
            {"claim": claim["id"], **{key: value for key, value in verdict.items() if key != "details"}}
            for claim in self.as_json()["claims"]
            for verdict in [*claim["verdicts"], *claim["levels"]]
        ]
        return pd.DataFrame(rows).astype({name: "Int64" for name in ("crossbar_size", "n")})

    def joined(self) -> pd.DataFrame:
        """The levels above single comparisons, as few columns as a reader needs."""
        table = self.table()
        columns = [
            "claim", "level", "experiment", "crossbar_size", "mitigation", "baseline", "verdict", "effect", "low", "high",
            "unit", "n", "inference", "needed_seeds",
        ]  # fmt: skip
        chosen = table.loc[table["level"] != "comparison", columns]
        return chosen.round({"effect": 3, "low": 3, "high": 3}).reset_index(drop=True)

    def write(self, folder: Path | str) -> tuple[Path, Path]:
        """Write ``claims.json`` and ``claims.csv``; returns their paths."""
        text = json.dumps(self.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
        return (
            files.write_text(Path(folder) / "claims.json", text + "\n"),
            files.write_table(Path(folder) / "claims.csv", self.table()),
        )


def nine_digits(value: float) -> float:
    """A number as ``claims.json`` keeps it."""
    return float(f"{value:.9g}")


def _plain(value: Any) -> Any:
    """Floats rounded to nine digits, those that are not finite as ``None``."""
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, float):
        return nine_digits(value) if abs(value) < float("inf") else None
    return value
