"""What ``claims.json`` holds: the claims of a profile with their verdicts. Claims write it, the report reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal, get_args

import pandas as pd

from xbarpaper.support import files
from xbarpaper.support.validation import Section, parse

Outcome = Literal["supported", "not supported", "undecided"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
Level = Literal["comparison", "size", "network", "overall"]


class Verdict(Section):
    """An effect and its verdict, of one comparison or of a level above.

    Attributes:
        level: a single comparison, or what its comparisons have in common.
        experiment, network, dataset, crossbar_size, scheme: what it is about; ``None`` where it is averaged over.
        mitigation: the mitigation under test, or ``none``.
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
    effect: float
    low: float | None
    high: float | None
    p: float | None = None
    p_holm: float | None = None
    n: int | None
    unit: str
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None
    sign_flip_p: float | None = None
    inference: str
    training_seeds: int
    needed_seeds: str
    summary: str
    details: dict[str, float | int | str | None]


class Claim(Section):
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
    counts: dict[Outcome, int]
    summary: str
    notes: list[str]

    def tops(self) -> list[Verdict]:
        """The overall effects of the mitigations that the claim is about."""
        return [row for row in self.levels if row.level == "overall" and row.mitigation in self.main]


class Convention(Section):
    """The overall effect of C2 at one gain mode of the readout.

    Attributes:
        gain: none, or one factor per layer, tile or column.
        chosen: whether the profile reads out so, and the claims are tested so.
        verdict: by the rules of the overall effect, with C3 and C4 as they are in the family.
        effect, low, high: points of loss.
        p, p_holm: of the paired t test.
        n, inference: how many seeds of which kind it was tested over.
        summary: a sentence.
    """

    gain: str
    chosen: bool
    verdict: Outcome
    effect: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    n: int
    inference: str
    summary: str


class ClaimReport(Section):
    """All claims of a profile, with the rules that judged them, and C2 at every gain mode.

    Attributes:
        profile: whose results were tested.
        data: a line for each experiment.
        confidence: level of the intervals.
        rules: by name, in words.
        scope: what the verdicts speak of.
        conventions_summary, conventions: whether C2 depends on the gain mode.
        claims: C1 to C5.
    """

    profile: str
    data: list[str]
    confidence: float
    rules: dict[str, str]
    scope: str
    conventions_summary: str
    conventions: list[Convention]
    claims: list[Claim]

    @classmethod
    def read(cls, path: Path) -> ClaimReport:
        """Read ``claims.json``.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        return parse(files.read_json(path), str(path), cls)

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
            "claim", "level", "experiment", "crossbar_size", "mitigation", "verdict", "effect", "low", "high",
            "p_holm", "n", "inference", "needed_seeds",
        ]  # fmt: skip
        chosen = table.loc[table["level"] != "comparison", columns]
        return chosen.round({"effect": 3, "low": 3, "high": 3, "p_holm": 4}).reset_index(drop=True)

    def write(self, folder: Path | str) -> tuple[Path, Path]:
        """Write ``claims.json`` and ``claims.csv``; returns their paths."""
        text = json.dumps(self.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
        return (
            files.write_text(Path(folder) / "claims.json", text + "\n"),
            files.write_table(Path(folder) / "claims.csv", self.table()),
        )


def _plain(value: Any) -> Any:
    """Floats rounded to nine digits, those that are not finite as ``None``."""
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, float):
        return float(f"{value:.9g}") if abs(value) < float("inf") else None
    return value
