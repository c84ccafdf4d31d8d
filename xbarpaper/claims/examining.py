"""The paper's statements C1 to C5, tested on a profile's numbers.

Each claim is a list of comparisons, one per network, crossbar size, scheme and mitigation, and of the levels
above them: per size, per network and overall. Each has an effect, what is known of its uncertainty, and a
verdict by a written rule: ``judging.RULES`` and those of ``claims.yaml``. Experiments that differ in their
training seed only are replicates of one network; ``groups.scope`` says what the verdicts speak of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xbarpaper.claims import statements
from xbarpaper.claims.conductance import share_rises
from xbarpaper.claims.conventions import Convention, conventions, sentence
from xbarpaper.claims.groups import scope
from xbarpaper.claims.judging import RULES, Claim
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.paired import measure, mitigation_helps, pruning_costs
from xbarpaper.claims.savings import crossbar_savings
from xbarpaper.params import Params
from xbarpaper.support import files


@dataclass(frozen=True)
class ClaimReport:
    """All claims of a profile, with the rules that judged them, and C2 at every gain mode."""

    profile: str
    data: list[str]
    confidence: float
    rules: dict[str, str]
    scope: str
    claims: list[Claim]
    conventions: list[Convention]
    conventions_summary: str

    def as_json(self) -> dict[str, Any]:
        """Plain values: numbers finite or ``None``."""
        heads = ("profile", "data", "confidence", "rules", "scope", "conventions_summary")
        return {key: getattr(self, key) for key in heads} | {
            "conventions": [convention.as_json() for convention in self.conventions],
            "claims": [claim.as_json() for claim in self.claims],
        }

    def table(self) -> pd.DataFrame:
        """A row for each effect, columns ``claim`` and those of ``Verdict`` without ``details``.

        A claim's comparisons come first (``level``), then its levels.
        """
        rows = [
            {"claim": claim["id"], **{key: value for key, value in verdict.items() if key != "details"}}
            for claim in self.as_json()["claims"]
            for verdict in [*claim["verdicts"], *claim["levels"]]
        ]
        table = pd.DataFrame(rows)
        return table.astype({name: "Int64" for name in ("crossbar_size", "n")})

    def joined(self) -> pd.DataFrame:
        """The levels above single comparisons, as few columns as a reader needs."""
        table = self.table()
        columns = [
            "claim", "level", "experiment", "crossbar_size", "mitigation", "verdict", "effect", "low", "high",
            "p_holm", "n", "inference", "needed_seeds",
        ]  # fmt: skip
        chosen = table.loc[table["level"] != "comparison", columns]
        return chosen.round({"effect": 3, "low": 3, "high": 3, "p_holm": 4}).reset_index(drop=True)

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


def examine(
    evaluation: pd.DataFrame,
    params: Params,
    test_images: Mapping[str, int],
    texts: Mapping[str, statements.Statement] | None = None,
) -> ClaimReport:
    """Test C1 to C5.

    Args:
        evaluation: the tidy table of evaluations of all experiments.
        params: the profile; its ``claims`` section gives confidence, resamples, seed and tolerance.
        test_images: dataset -> images in its test set; ``images_per_test_set`` finds them.
        texts: the statements by id; those of ``claims.yaml`` if not given.
    """
    labels = Labels.of(params)
    texts = statements.load() if texts is None else texts
    measured = measure(evaluation, params)
    claims = [
        crossbar_savings(texts["C1"], evaluation, params, test_images),
        pruning_costs(texts["C2"], measured, params),
        mitigation_helps(texts["C3"], measured, params),
        mitigation_helps(texts["C4"], measured, params),
        share_rises(texts["C5"], evaluation, measured, params),
    ]
    gains = conventions(evaluation, measured, params)
    return ClaimReport(
        profile=params.profile,
        data=[
            f"{name}: {labels.network(name)} on {labels.dataset(experiment.dataset)}, sparsity "
            f"{experiment.sparsity:g}, training seed {experiment.training_seed}"
            for name, experiment in params.experiments.items()
        ],
        confidence=params.claims.confidence,
        rules={**RULES, **{claim.id: claim.rule for claim in claims}},
        scope=scope(params),
        claims=claims,
        conventions=gains,
        conventions_summary=sentence(gains),
    )


def images_per_test_set(software: pd.DataFrame) -> dict[str, int]:
    """How many test images stand behind the accuracies of each dataset.

    Args:
        software: the tidy table of accuracies without crossbars, columns ``dataset`` and ``test_images``.
    """
    return {str(name): int(rows.max()) for name, rows in software.groupby("dataset")["test_images"]}
