"""Networks that a mitigation trains on before they are mapped: under WCT's limits, or through the circuits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from xbarpaper.experiments import checkpoints, pruned, trained
from xbarpaper.experiments.checkpoints import Checkpoint
from xbarpaper.experiments.experiment import Experiment, Variant
from xbarpaper.experiments.side_by_side import side_by_side
from xbarpaper.experiments.trained import Trained
from xbarpaper.mitigation.parts import Mitigation, Start, Trains
from xbarpaper.networks.runs import HeldMask, Run, Teacher
from xbarpaper.params import SCHEMES, SchemeName
from xbarpaper.pruning import PrunedNetwork, weight_quantiles
from xbarpaper.support import code, progress
from xbarpaper.support.errors import CheckpointError
from xbarpaper.support.files import require_writable


def variants(part: Trains, schemes: Iterable[SchemeName], crossbar_sizes: Sequence[int]) -> list[Variant]:
    """The networks that a training gives for these schemes and crossbar sizes."""
    found = [variant(part, scheme, size) for scheme in schemes for size in crossbar_sizes]
    return list(dict.fromkeys(found))


def variant(part: Trains, scheme: SchemeName, crossbar_size: int) -> Variant:
    """The network of a scheme that is mapped at a crossbar size."""
    return Variant(scheme, crossbar_size) if part.for_each_size else pruned.variant(scheme, crossbar_size)


def train(experiment: Experiment, wanted: Sequence[tuple[Trains, Variant]]) -> list[Trained]:
    """Train networks on, side by side, and keep them."""
    for part, one in wanted:
        require_writable(_path(experiment, part, one))
    taught = pruned.teacher(experiment.origin)
    tasks = {
        f"{experiment.name} {one.label} {part.name}": (part, one, _before(experiment, one), taught)
        for part, one in wanted
    }
    results, trainings = [], side_by_side(experiment, _trained_on, tasks)
    for (part, one, *_), done in zip(tasks.values(), trainings, strict=True):
        network, history, accuracy = done
        path, behind = _path(experiment, part, one), _behind(experiment, part, one)
        results.append(
            trained.kept(experiment, one, part.name, network, history, path, behind, accuracy=accuracy)
        )
    return results


def train_all(experiment: Experiment, mitigation: Mitigation) -> list[Trained]:
    """Train the networks of all schemes on, as a mitigation does, for the crossbar sizes of the profile.

    Raises:
        ValueError: the mitigation trains nothing.
    """
    if mitigation.trains is None:
        raise ValueError(f"{mitigation.name} trains nothing")
    sizes, part = experiment.params.mapping.crossbar_sizes, mitigation.trains
    return train(experiment, [(part, one) for one in variants(part, SCHEMES, sizes)])


def load(experiment: Experiment, part: Trains, wanted: Variant) -> Checkpoint:
    """A network that was trained on, refused unless it belongs to the parameters and the data in force."""
    path, behind = _path(experiment, part, wanted), _behind(experiment, part, wanted)
    return checkpoints.load(path, behind, experiment.images)


def make_missing(experiment: Experiment, wanted: Sequence[tuple[Trains, Variant]]) -> None:
    """Train the networks that are not there yet, where no stage makes them."""
    missing = []
    for part, one in wanted:
        if part.has_stage:
            continue
        try:
            load(experiment, part, one)
        except CheckpointError as error:
            missing.append((part, one))
            if (path := _path(experiment, part, one)).exists():
                progress.note(f"{path}: not what is wanted, starting anew ({error})")
    train(experiment, missing)


def _before(experiment: Experiment, wanted: Variant) -> Checkpoint:
    """The pruned network that a network trained on from."""
    return pruned.load(experiment.origin, pruned.variant(wanted.scheme, wanted.crossbar_size or 0))


def _path(experiment: Experiment, part: Trains, wanted: Variant) -> Path:
    if part.has_stage:
        return experiment.checkpoint_path(wanted, part.name)
    return experiment.resume(f"{part.name}-{wanted.label}.safetensors")


def _behind(experiment: Experiment, part: Trains, wanted: Variant) -> dict[str, Any]:
    """All that a network depends on, by dotted name; its code and its beginnings too where DVC does not see to them."""
    before = pruned.variant(wanted.scheme, wanted.crossbar_size or 0)
    settings = experiment.params.distillation
    values = pruned.parameters_behind(experiment, before) | part.behind(experiment.params)
    values |= {f"distillation.{name}": value for name, value in settings.model_dump(mode="json").items()}
    values |= {"trained on": part.name, "crossbar_size": wanted.crossbar_size}
    if not part.has_stage:
        values["code"] = f"{code.digest(__name__)} {code.digest(type(part).__module__)}"
        values["began as"] = _before(experiment, wanted).metadata.tensors_digest
    return values


def _trained_on(
    experiment: Experiment, part: Trains, wanted: Variant, before: Checkpoint, taught: Teacher | None
) -> tuple[PrunedNetwork, pd.DataFrame, float]:
    """A network, trained on in place, a row for each epoch, and its accuracy without crossbars, percent."""
    network = before.pruned
    label = f"{part.name}-{wanted.label}"
    held = () if wanted.scheme == "unpruned" else (HeldMask(network.weight_masks()),)
    run = Run(
        title=f"{experiment.name} {wanted.label} {part.name}",
        settings=pruned.fine_tuning(experiment, wanted.scheme),
        epochs=0,
        learning_rate=0.0,
        seed=experiment.section.training_seed,
        resume=experiment.resume(f"{label}{'' if part.has_stage else '-unfinished'}.safetensors"),
        live=experiment.live(label),
        constraints=held,
        teacher=taught,
    )
    w_max = weight_quantiles(network, experiment.params.mapping.w_max_quantile)
    start = Start(network, wanted.scheme, wanted.crossbar_size, w_max, experiment.images, run)
    history = part.train(experiment.params, start)
    # the history may tell the accuracy on crossbars
    return network, history, trained.software_accuracy(experiment, network.network)
