"""Networks of other sparsities than the experiment's: pruned, fine-tuned, and trained on under WCT's limits."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from xbarpaper.experiments import pruned, trained_on
from xbarpaper.experiments.experiment import UNPRUNED, Experiment, Variant, gather
from xbarpaper.experiments.sensitivity.points import plan
from xbarpaper.mitigation.paper import PAPER
from xbarpaper.params import PrunedSchemeName

_PRUNED: Final[tuple[PrunedSchemeName, ...]] = ("cf", "xcs", "xrs")


class AtSparsity(Experiment):
    """The experiment at another sparsity: the same unpruned network, pruned networks of their own."""

    def __init__(self, experiment: Experiment, sparsity: float) -> None:
        params = experiment.params
        self.own = sparsity == experiment.section.sparsity
        if not self.own:
            section = experiment.section.model_copy(update={"sparsity": sparsity})
            epochs = params.sensitivity.fine_tuning_epochs
            changes = {
                "experiments": params.experiments | {experiment.name: section},
                "prune": params.prune.model_copy(update={"epochs": epochs, "steps": 1}),
            }
            params = params.model_copy(update=changes)
        super().__init__(experiment.name, params)
        self.__dict__["images"] = experiment.images  # loaded once for all sparsities

    def labelled(self, label: str) -> str:
        """See ``Experiment.labelled``."""
        return label if self.own else f"sensitivity/{self._folder}/{label}"

    def checkpoint_path(self, variant: Variant, trained_on: str = "") -> Path:
        """See ``Experiment.checkpoint_path``."""
        path = super().checkpoint_path(variant, trained_on)
        if self.own or variant.scheme == "unpruned":
            return path
        return _checkpoints(self) / self._folder / path.relative_to(_checkpoints(self).parent)

    @property
    def _folder(self) -> str:
        return f"sparsity-{self.section.sparsity}"


def train(experiment: Experiment) -> pd.DataFrame:
    """Prune to the other sparsities of the plan, fine-tune, and train on under WCT's limits; a killed run goes on.

    Returns:
        One row per network: accuracy without crossbars on all test images, percent, after fine-tuning and after WCT;
        those of the experiment's own sparsity, which other stages trained, are not among them.
    """
    tables, params = [], experiment.params
    sizes = (params.sensitivity.crossbar_size,)
    trainings = dict.fromkeys(one.trains for one in PAPER if one.trains is not None)
    _checkpoints(experiment).mkdir(parents=True, exist_ok=True)  # also where there is nothing to train
    sparsities = {point.at.sparsity for point in plan(params, experiment.name)}
    for sparsity in sorted(sparsities - {0.0, experiment.section.sparsity}):
        there = AtSparsity(experiment, sparsity)
        tables += [run.run.software for scheme in _PRUNED for run in pruned.prune(there, scheme, sizes)]
        for part in trainings:
            wanted = trained_on.variants(part, _PRUNED, sizes)
            tables += [run.software for run in trained_on.train(there, part, wanted)]
    if not tables:
        return pd.DataFrame(columns=["scheme", "sparsity", "crossbar_size", "step", "accuracy"])
    return gather(tables)


def _checkpoints(experiment: Experiment) -> Path:
    """Folder of the networks of other sparsities."""
    return Experiment.checkpoint_path(experiment, UNPRUNED).parent / "sensitivity"
