"""Networks of other sparsities than the experiment's: pruned, fine-tuned, and trained on under WCT's limits."""

from __future__ import annotations

from typing import Final

import pandas as pd

from xbarpaper.experiments import pruned, trained_on
from xbarpaper.experiments.experiment import Apart, Experiment, gather
from xbarpaper.experiments.sensitivity.conventions import conventions
from xbarpaper.experiments.sensitivity.points import plan
from xbarpaper.mitigation.paper import PAPER
from xbarpaper.params.names import PRUNED_SCHEMES

_FOLDER: Final = "sensitivity"


def at_sparsity(experiment: Experiment, sparsity: float) -> Experiment:
    """The experiment at another sparsity: the same unpruned network, pruned networks of their own."""
    if sparsity == experiment.section.sparsity:
        return experiment
    params = experiment.params
    section = experiment.section.model_copy(update={"sparsity": sparsity})
    shorter = {"epochs": params.sensitivity.fine_tuning_epochs, "steps": 1}
    prune = params.prune.model_copy(update=shorter)
    changes = {"experiments": {experiment.name: section}, "prune": prune}
    folder = f"{_FOLDER}/sparsity-{sparsity}"
    return Apart(experiment, folder, params=params.model_copy(update=changes))


def train(experiment: Experiment) -> pd.DataFrame:
    """Prune to the other sparsities of the plan, fine-tune, and train on under WCT's limits; a killed run goes on.

    Returns:
        One row per network: accuracy without crossbars on all test images, percent, after fine-tuning and after WCT;
        those of the experiment's own sparsity, which other stages trained, are not among them.
    """
    tables, params = [], experiment.params
    sizes = (params.sensitivity.crossbar_size,)
    trainings = dict.fromkeys(one.trains for one in PAPER if one.trains is not None)
    # Also where there is nothing to train.
    (experiment.checkpoints / _FOLDER).mkdir(parents=True, exist_ok=True)
    points = plan(conventions(params), params, experiment.name)
    sparsities = {point.at.sparsity for point in points}
    for sparsity in sorted(sparsities - {0.0, experiment.section.sparsity}):
        there = at_sparsity(experiment, sparsity)
        tables += [
            run.run.software for scheme in PRUNED_SCHEMES for run in pruned.prune(there, scheme, sizes)
        ]
        wanted = [
            (part, one) for part in trainings for one in trained_on.variants(part, PRUNED_SCHEMES, sizes)
        ]
        tables += [run.software for run in trained_on.train(there, wanted)]
    if not tables:
        return pd.DataFrame(columns=["scheme", "sparsity", "crossbar_size", "step", "accuracy"])
    return gather(tables)
