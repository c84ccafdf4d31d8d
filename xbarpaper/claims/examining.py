"""The paper's statements C1 to C5, tested on a profile's numbers.

Each claim is a list of comparisons, one per network, crossbar size, scheme and mitigation, and of the levels
above them: per size, per network and overall. Each has an effect, what is known of its uncertainty, and a
verdict by a written rule: ``rules.RULES`` and those of ``claims.yaml``. Experiments that differ in their
training seed only are replicates of one network; ``groups.scope`` says what the verdicts speak of.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from xbarpaper.claims import statements
from xbarpaper.claims.conductance import share_rises
from xbarpaper.claims.conventions import conventions, sentence
from xbarpaper.claims.groups import scope
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.paired import measure, mitigation_helps, pruning_costs
from xbarpaper.claims.rules import RULES
from xbarpaper.claims.savings import crossbar_savings
from xbarpaper.claims.schema import ClaimReport
from xbarpaper.params import Params


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
