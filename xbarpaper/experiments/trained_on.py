"""Networks that a mitigation trains on before they are mapped: under WCT's limits, or through the circuits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xbarpaper.experiments import checkpoints, pruned, trained
from xbarpaper.experiments.checkpoints import Checkpoint
from xbarpaper.experiments.experiment import Experiment, Variant
from xbarpaper.experiments.side_by_side import side_by_side
from xbarpaper.experiments.trained import Trained
from xbarpaper.mitigation.parts import Mitigation, Start, Trains
from xbarpaper.networks import training
from xbarpaper.params import SCHEMES, SchemeName
from xbarpaper.pruning import PrunedNetwork, weight_quantiles
from xbarpaper.support import code, progress
from xbarpaper.support.errors import CheckpointError


def variants(part: Trains, schemes: Iterable[SchemeName], crossbar_sizes: Sequence[int]) -> list[Variant]:
    """The networks that a training gives for these schemes and crossbar sizes."""
    found = [variant(part, scheme, size) for scheme in schemes for size in crossbar_sizes]
    return list(dict.fromkeys(found))


def variant(part: Trains, scheme: SchemeName, crossbar_size: int) -> Variant:
    """The network of a scheme that is mapped at a crossbar size."""
    return Variant(scheme, crossbar_size) if part.for_each_size else pruned.variant(scheme, crossbar_size)


def train(experiment: Experiment, part: Trains, wanted: Sequence[Variant]) -> list[Trained]:
    """Train networks on, and keep them; their w_max stays that of the networks before."""
    taught = pruned.teacher(experiment)
    tasks = [_Task(part, one, pruned.load(experiment, _before(one)), taught) for one in wanted]
    named = {f"{experiment.name} {task.variant.label} {part.name}": task for task in tasks}
    results = []
    for task, done in zip(tasks, side_by_side(experiment, _trained_on, named), strict=True):
        one = task.variant
        results.append(
            trained.kept(
                experiment,
                one,
                part.name,
                done.pruned,
                done.history,
                _path(experiment, part, one),
                _behind(experiment, part, one),
                w_max=task.before.metadata.w_max,
                accuracy=done.accuracy,
            )
        )
    return results


def train_all(experiment: Experiment, mitigation: Mitigation) -> list[Trained]:
    """Train the networks of all schemes on, as a mitigation does, for the crossbar sizes of the profile.

    Raises:
        ValueError: the mitigation trains nothing.
    """
    if mitigation.trains is None:
        raise ValueError(f"{mitigation.name} trains nothing")
    sizes = experiment.params.mapping.crossbar_sizes
    return train(experiment, mitigation.trains, variants(mitigation.trains, SCHEMES, sizes))


def load(experiment: Experiment, part: Trains, wanted: Variant) -> Checkpoint:
    """A network that was trained on, refused unless it belongs to the parameters and the data in force."""
    path, behind = _path(experiment, part, wanted), _behind(experiment, part, wanted)
    return checkpoints.load(path, behind, experiment.images)


def make_missing(experiment: Experiment, part: Trains, wanted: Sequence[Variant]) -> None:
    """Train the networks that are not there yet, where no stage makes them."""
    if part.has_stage:
        return
    missing = []
    for one in wanted:
        try:
            load(experiment, part, one)
        except CheckpointError as error:
            missing.append(one)
            if (path := _path(experiment, part, one)).exists():
                progress.note(f"{path}: not what is wanted, starting anew ({error})")
    train(experiment, part, missing)


def w_max_of(before: Checkpoint, quantile: float) -> dict[str, float]:
    """The weight that programs the highest conductance, by layer: a quantile of the network before it trained on."""
    return before.metadata.w_max if quantile == 1 else weight_quantiles(before.pruned, quantile)


def _before(wanted: Variant) -> Variant:
    """The pruned network that a network trained on from."""
    return pruned.variant(wanted.scheme, wanted.crossbar_size or 0)


def _path(experiment: Experiment, part: Trains, wanted: Variant) -> Path:
    if part.has_stage:
        return experiment.checkpoint_path(wanted, part.name)
    return experiment.resume(f"{part.name}-{wanted.label}.safetensors")


def _behind(experiment: Experiment, part: Trains, wanted: Variant) -> dict[str, Any]:
    """All that a network depends on, by dotted name; its code and its beginnings too where DVC does not see to them."""
    before = _before(wanted)
    settings = experiment.params.distillation
    values = pruned.parameters_behind(experiment, before) | part.behind(experiment.params)
    values |= {f"distillation.{name}": value for name, value in settings.model_dump(mode="json").items()}
    values |= {"trained on": part.name, "crossbar_size": wanted.crossbar_size}
    if not part.has_stage:
        values["code"] = f"{code.digest(__name__)} {code.digest(type(part).__module__)}"
        values["began as"] = pruned.load(experiment, before).metadata.tensors_digest
    return values


@dataclass(frozen=True)
class _Task:
    """A network to train on."""

    part: Trains
    variant: Variant
    before: Checkpoint
    teacher: training.Teacher | None


@dataclass(frozen=True)
class _Done:
    pruned: PrunedNetwork
    history: pd.DataFrame
    accuracy: float


def _trained_on(experiment: Experiment, task: _Task) -> _Done:
    part, wanted, network = task.part, task.variant, task.before.pruned
    label = f"{part.name}-{wanted.label}"
    held = () if wanted.scheme == "unpruned" else (training.HeldMask(network.weight_masks()),)
    run = training.Run(
        title=f"{experiment.name} {wanted.label} {part.name}",
        settings=pruned.fine_tuning(experiment, wanted.scheme),
        epochs=0,
        learning_rate=0.0,
        seed=experiment.section.training_seed,
        resume=experiment.resume(f"{label}.safetensors"),
        live=experiment.live(label),
        constraints=held,
        teacher=task.teacher,
    )
    w_max = w_max_of(task.before, experiment.params.mapping.w_max_quantile)
    start = Start(network, wanted.scheme, wanted.crossbar_size, w_max, experiment.images, run)
    history = part.train(experiment.params, start)
    # the history may tell the accuracy on crossbars
    return _Done(network, history, trained.software_accuracy(experiment, network.network))
