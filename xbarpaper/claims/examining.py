"""The paper's statements C1 to C5, tested on a profile's numbers, and our own: D1 to D3, A, B, S and T.

Each claim is a list of comparisons, one per network, crossbar size, scheme and mitigation, and of the levels above them.
Each has an effect, one corrected interval, and a verdict read from it by written rules: ``rules.rules`` and those of
``claims.yaml``. Experiments that differ in their training seed only are replicates of one network; ``scope`` says what
the verdicts speak of.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from xbarpaper.claims import statements
from xbarpaper.claims.accuracy import on_crossbars, with_strongest
from xbarpaper.claims.acdc import acdc_statements
from xbarpaper.claims.adversarial import adversarial_statements
from xbarpaper.claims.batch_norms import batch_norm_statements
from xbarpaper.claims.conductance import share_rises
from xbarpaper.claims.context import Context
from xbarpaper.claims.conventions import conventions
from xbarpaper.claims.effects import TRAINING_SEEDS
from xbarpaper.claims.hardware import hardware_statements
from xbarpaper.claims.labels import Labels, groups_of
from xbarpaper.claims.on_crossbar_training import training_statements
from xbarpaper.claims.rules import rules
from xbarpaper.claims.savings import crossbar_savings
from xbarpaper.claims.schema import ClaimReport
from xbarpaper.claims.spiking import spiking_statements
from xbarpaper.experiments.results import Results
from xbarpaper.params import Params
from xbarpaper.support.words import count, join


def examine(
    tables: Results, params: Params, texts: Mapping[str, statements.Statement] | None = None
) -> ClaimReport:
    """Test C1 to C5, and of our own those that the tables have numbers for.

    Args:
        tables: of the profile.
        params: the profile; its ``claims`` section gives confidence, margins and tolerance.
        texts: the statements by id; those of ``claims.yaml`` if not given.
    """
    texts = statements.load() if texts is None else texts
    evaluation, software = tables.evaluation, tables.software
    images = {str(name): int(rows.max()) for name, rows in software.groupby("dataset")["test_images"]}
    context = Context(params, chance_of(software), texts, images)
    tried = with_strongest(evaluation, tables.strongest)
    claims = [
        crossbar_savings(context, evaluation, software),
        *(on_crossbars(name, tried, context) for name in ("C2", "C3", "C4")),
        share_rises(context, evaluation, tables.layers),
    ]
    own = [
        *hardware_statements(context, tables),
        *adversarial_statements(context, tables.adversarial),
        *acdc_statements(context, tables.acdc),
        *spiking_statements(context, tables.spiking),
        *training_statements(context, tables.on_crossbar_training),
        *batch_norm_statements(context, tables.batch_norms),
    ]
    gains, depends = conventions(evaluation, context)
    return ClaimReport(
        profile=params.profile,
        data=data(params),
        confidence=params.claims.confidence,
        rules={
            **rules(params.claims),
            **{claim.id: claim.rule for claim in claims},
            **{claim.id: claim.rule for claim in own},
        },
        scope=scope(params),
        claims=claims,
        own=own,
        conventions=gains,
        conventions_summary=depends,
    ).rounded()


def chance_of(software: pd.DataFrame) -> dict[str, float]:
    """Dataset -> accuracy of guessing, percent; tables without a column ``classes`` are of ten classes."""
    classes = software.get("classes", pd.Series(10, index=software.index))
    return {str(name): 100 / float(own.max()) for name, own in classes.groupby(software["dataset"])}


def data(params: Params) -> list[str]:
    """A line for each network: what it is, how often it was trained, and on what."""
    labels = Labels.of(params)
    lines = []
    for group in groups_of(params):
        seeds = [str(seed) for seed in group.experiments]
        trained = f"training seed{'s' if len(seeds) > 1 else ''} {join(seeds)}"
        sparsity = params.experiments[group.name].sparsity
        lines.append(
            f"{labels.networks[group.name]} on {labels.dataset(group.dataset)}, sparsity {sparsity:g}, {trained}"
        )
    return lines


def scope(params: Params) -> str:
    """What the verdicts speak of: these trained networks only, or other trainings of the same networks too."""
    labels, groups = Labels.of(params), groups_of(params)
    few = [group for group in groups if len(group.experiments) < TRAINING_SEEDS]
    sentences = []
    if few:
        told = join(
            [
                f"{labels.networks[group.name].removesuffix(')')}, {count(len(group.experiments), 'training')})"
                for group in few
            ]
        )
        alone = len(few) == 1
        sentences.append(
            f"These results speak of the trained network{'' if alone else 's'} {told} only: the seeds vary the devices, "
            f"and another training may give another verdict."
        )
    for group in groups:
        if group not in few:
            sentences.append(
                f"{labels.networks[group.name]} on {labels.dataset(group.dataset)} was trained "
                f"{len(group.experiments)} times: its verdicts are tested over training seeds and speak of other "
                "trainings of this network too."
            )
    several = {name for group in groups if group not in few for name in group.experiments.values()}
    if asked := several.intersection(params.published.experiments):
        sentences.append(f"N1 to N3 speak of {join(sorted(asked))} only.")
    if params.on_crossbar_training.experiments:
        sentences.append("T1 to T6 are about networks of their own, trained on crossbars.")
    return " ".join(sentences)
