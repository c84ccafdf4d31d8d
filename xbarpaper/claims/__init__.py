"""The paper's statements C1 to C5, tested on a profile's numbers.

Each claim is a list of comparisons, one per experiment, crossbar size, scheme and mitigation, each with an
effect, what is known of its uncertainty, and a verdict by a written rule: ``judging.RULE`` for effects
paired by variation seed (C2, C3, C4), and the ``RULE`` of ``savings`` (C1) and ``conductance`` (C5). The
seeds vary the devices only: a verdict speaks of the networks that were trained, not of what another
training run would have given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from xbarpaper import files
from xbarpaper.claims.conductance import share_rises
from xbarpaper.claims.judging import OVERALL_RULE, RULE, Claim, Verdict
from xbarpaper.claims.paired import mitigation_helps, pruning_costs
from xbarpaper.claims.savings import crossbar_savings
from xbarpaper.figures.labels import Labels
from xbarpaper.params import Params

__all__ = ["Claim", "ClaimReport", "Verdict", "examine", "images_per_test_set"]

SCOPE: Final = (
    "One trained network for each experiment, scheme and crossbar size; the seeds vary the devices only. "
    "The verdicts speak of these networks, not of what another training run would give."
)


@dataclass(frozen=True)
class ClaimReport:
    """All claims of a profile, with the rules that judged them."""

    profile: str
    data: list[str]
    confidence: float
    rules: dict[str, str]
    scope: str
    claims: list[Claim]

    def as_json(self) -> dict[str, Any]:
        """Plain values: numbers finite or ``None``."""
        plain = {key: getattr(self, key) for key in ("profile", "data", "confidence", "rules", "scope")}
        return plain | {"claims": [claim.as_json() for claim in self.claims]}

    def table(self) -> pd.DataFrame:
        """A row for each comparison, columns ``claim`` and those of ``Verdict`` without ``details``."""
        rows = [
            {"claim": claim.id, **{key: value for key, value in verdict.items() if key != "details"}}
            for claim in self.claims
            for verdict in claim.as_json()["verdicts"]
        ]
        return pd.DataFrame(rows)

    def overview(self) -> pd.DataFrame:
        """A row for each claim: ``claim``, ``text``, ``overall`` verdict, ``summary``."""
        rows = [(claim.id, claim.text, claim.overall, claim.summary) for claim in self.claims]
        return pd.DataFrame(rows, columns=["claim", "text", "overall", "summary"])

    def write(self, folder: Path | str) -> tuple[Path, Path]:
        """Write ``claims.json`` and ``claims.csv``; returns their paths."""
        text = json.dumps(self.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
        return (
            files.write_text(Path(folder) / "claims.json", text + "\n"),
            files.write_table(Path(folder) / "claims.csv", self.table()),
        )


def examine(evaluation: pd.DataFrame, params: Params, test_images: Mapping[str, int]) -> ClaimReport:
    """Test C1 to C5.

    Args:
        evaluation: the tidy table of evaluations of all experiments.
        params: the profile; its ``claims`` section gives confidence, resamples, seed and tolerance.
        test_images: dataset -> images in its test set; ``images_per_test_set`` finds them.
    """
    labels = Labels.of(params)
    claims = [
        crossbar_savings(evaluation, params, test_images),
        pruning_costs(evaluation, params),
        mitigation_helps("C3", evaluation, params),
        mitigation_helps("C4", evaluation, params),
        share_rises(evaluation, params),
    ]
    return ClaimReport(
        profile=params.profile,
        data=[
            f"{name}: {labels.network(name)} on {labels.dataset(experiment.dataset)}, sparsity "
            f"{experiment.sparsity:g}"
            for name, experiment in params.experiments.items()
        ],
        confidence=params.claims.confidence,
        rules={"paired": RULE, "overall": OVERALL_RULE, **{claim.id: claim.rule for claim in claims}},
        scope=SCOPE,
        claims=claims,
    )


def images_per_test_set(software: pd.DataFrame) -> dict[str, int]:
    """How many test images stand behind the accuracies of each dataset.

    Args:
        software: the tidy table of accuracies without crossbars, columns ``dataset`` and ``test_images``.
    """
    return {str(name): int(rows.max()) for name, rows in software.groupby("dataset")["test_images"]}
