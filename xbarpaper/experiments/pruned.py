"""The pruned networks of an experiment: pruning, and the fine-tuning that follows, for each crossbar size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import pandas as pd
from numpy.typing import NDArray

from xbarpaper.experiments import checkpoints, trained
from xbarpaper.experiments.checkpoints import Checkpoint
from xbarpaper.experiments.experiment import Experiment, Variant, with_leading
from xbarpaper.experiments.side_by_side import side_by_side
from xbarpaper.experiments.trained import Trained
from xbarpaper.networks import Network, build, training
from xbarpaper.networks.runs import HeldMask, Run, Teacher
from xbarpaper.params import PrunedSchemeName, SchemeName, Train
from xbarpaper.pruning import PrunedNetwork, growing, masked, prunable_layers, scheme_named
from xbarpaper.pruning import prune as without_weights
from xbarpaper.support.files import require_writable

_STEP_SEEDS: Final = 1_000  # apart: the epochs between steps of pruning see the images in orders of their own
ANY_SIZE: Final = 1  # for schemes that do not look at the size of the crossbars


@dataclass(frozen=True)
class Pruned:
    """What pruning and fine-tuning gave."""

    run: Trained  # the fine-tuning
    gradual: list[pd.DataFrame]  # a table of one row for each epoch between the steps of pruning
    accuracy_before_fine_tuning: float  # accuracy without crossbars right after the last step, percent
    layers: pd.DataFrame  # one row per layer: weights, kept weights, sparsity

    @property
    def masks(self) -> dict[str, NDArray[Any]]:
        """True where a weight stays, by layer, shape (rows, columns) of the unpruned layer's matrix."""
        return {name: mask.numpy() for name, mask in self.run.checkpoint.pruned.masks.items()}

    @property
    def training(self) -> pd.DataFrame:
        """One row per epoch, those between the steps of pruning first."""
        return pd.concat([*self.gradual, self.run.training], ignore_index=True)

    @property
    def software(self) -> pd.DataFrame:
        """Two rows: accuracy without crossbars right after pruning, and fine-tuned, percent."""
        pruned = self.run.software.assign(step="pruned", accuracy=self.accuracy_before_fine_tuning)
        return pd.concat([pruned, self.run.software], ignore_index=True)


def variant(scheme: SchemeName, crossbar_size: int) -> Variant:
    """The variant of a scheme that is mapped at a crossbar size."""
    depends = scheme != "unpruned" and scheme_named(scheme).depends_on_crossbar_size
    return Variant(scheme, crossbar_size if depends else None)


def variants(scheme: SchemeName, crossbar_sizes: Sequence[int]) -> list[Variant]:
    """All networks of a scheme for these crossbar sizes; a single one where they do not matter."""
    return list(dict.fromkeys(variant(scheme, size) for size in crossbar_sizes or (ANY_SIZE,)))


def load(experiment: Experiment, wanted: Variant) -> Checkpoint:
    """The network of a variant, refused unless it belongs to the parameters and the data in force."""
    if wanted.scheme == "unpruned":
        return trained.load(experiment)
    path = experiment.checkpoint_path(wanted)
    return checkpoints.load(path, parameters_behind(experiment, wanted), experiment.images)


def parameters_behind(experiment: Experiment, wanted: Variant) -> dict[str, Any]:
    """Every parameter that the network of a variant depends on, by dotted name."""
    if wanted.scheme == "unpruned":
        return trained.parameters_behind(experiment)
    params = experiment.params
    sections = {"train": params.train, "prune": params.prune, "distillation": params.distillation}
    return trained.named(experiment, **sections) | {
        "scheme": wanted.scheme,
        "crossbar_size": wanted.crossbar_size,
    }


def prune(
    experiment: Experiment, scheme: PrunedSchemeName, crossbar_sizes: Sequence[int] = ()
) -> list[Pruned]:
    """Prune for every crossbar size, train with the mask held, and keep the networks.

    The network pruned is the trained one, in ``prune.steps``, or, where ``prune.when`` is init, a fresh one at once.

    Args:
        crossbar_sizes: of the crossbars that the networks are for; a scheme that does not depend on them needs none.
    """
    seed = experiment.section.training_seed
    if experiment.params.prune.when == "trained":
        whole = trained.load(experiment).pruned.network
    else:
        whole = build(experiment.architecture, seed)
    taught = teacher(experiment)
    wanted = variants(scheme, crossbar_sizes)
    for one in wanted:
        require_writable(experiment.checkpoint_path(one))
    named = {f"{experiment.name} {one.label}": (one, whole, taught) for one in wanted}
    results = []
    for one, done in zip(wanted, side_by_side(experiment, _pruned, named), strict=True):
        network, history, gradual, before = done
        path, behind = experiment.checkpoint_path(one), parameters_behind(experiment, one)
        run = trained.kept(experiment, one, "fine-tuned", network, history, path, behind)
        layers = _sparsity_table(experiment, one, run.checkpoint.pruned)
        results.append(Pruned(run, gradual, before, layers))
    return results


def _pruned(
    experiment: Experiment, wanted: Variant, whole: Network, taught: Teacher | None
) -> tuple[PrunedNetwork, pd.DataFrame, list[pd.DataFrame], float]:
    """A pruned copy of a network, its fine-tuning, the epochs between steps, and its accuracy before fine-tuning."""
    params, settings, seed = experiment.params, experiment.params.prune, experiment.section.training_seed
    trained_first = settings.when == "trained"
    recipe = fine_tuning(experiment, wanted.scheme) if trained_first else params.train

    def tuned(one: PrunedNetwork, what: str, label: str, epochs: int, rate: float, seed: int) -> pd.DataFrame:
        run = Run(
            title=f"{experiment.name} {wanted.label} {what}",
            settings=recipe,
            epochs=epochs,
            learning_rate=rate,
            seed=seed,
            resume=experiment.resume(f"{label}.safetensors"),
            live=experiment.live(label),
            constraints=(HeldMask(one.weight_masks()),),
            teacher=taught,
        )
        return training.train(one.network, experiment.images, run)

    size = wanted.crossbar_size or ANY_SIZE
    scheme = scheme_named(cast(PrunedSchemeName, wanted.scheme))
    *before_last, sparsity = growing(experiment.section.sparsity, settings.steps if trained_first else 1)
    gradual: list[pd.DataFrame] = []
    for step, partial in enumerate(before_last, start=1):
        partly, told = masked(whole, scheme, settings, partial, size), f"step {step} of {settings.steps}"
        label, own_seed = f"pruned-{wanted.label}-{step}", _STEP_SEEDS * step + seed
        row = tuned(partly, f"pruned, {told}", label, 1, settings.learning_rate, own_seed)
        leading = experiment.leading_of(wanted) | {"step": "pruned"}
        gradual.append(with_leading(row.assign(epoch=step), leading))
        whole = partly.network
    pruned = without_weights(whole, scheme, settings, sparsity, size)
    before = trained.software_accuracy(experiment, pruned.network)
    section, label = settings if trained_first else params.train, f"fine-tuned-{wanted.label}"
    history = tuned(pruned, "fine-tuned", label, section.epochs, section.learning_rate, seed)
    return pruned, history, gradual, before


def fine_tuning(experiment: Experiment, scheme: SchemeName) -> Train:
    """How networks of a scheme are trained on: on whole images, pruned ones with a weight decay of their own."""
    train, section = experiment.params.train, experiment.params.prune
    own = scheme != "unpruned" and section.when == "trained"
    weight_decay = section.weight_decay if own else train.weight_decay
    return train.model_copy(update={"weight_decay": weight_decay, "cut_out_pixels": 0})


def teacher(experiment: Experiment) -> Teacher | None:
    """The unpruned network, for networks that learn from it; None where the parameters want no teacher."""
    settings = experiment.params.distillation
    if settings.weight == 0 or experiment.params.prune.when == "init":
        return None
    return Teacher(trained.load(experiment).pruned.network, settings)


def _sparsity_table(experiment: Experiment, wanted: Variant, pruned: PrunedNetwork) -> pd.DataFrame:
    prunable, places = prunable_layers(pruned.network, experiment.params.prune), pruned.network.placements()
    rows = [
        {
            **experiment.leading_of(wanted),
            "layer": name,
            "prunable": name in prunable,
            "weights": places[name].full_weights,
            "kept_weights": int(mask.sum()),
            "sparsity": pruned.sparsity(frozenset({name})),
        }
        for name, mask in pruned.masks.items()
    ]
    return pd.DataFrame(rows)
