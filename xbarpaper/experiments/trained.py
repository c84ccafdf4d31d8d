"""The unpruned network of an experiment, and how any network that was trained is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from xbarpaper import data
from xbarpaper.experiments import checkpoints
from xbarpaper.experiments.checkpoints import Checkpoint, Metadata
from xbarpaper.experiments.experiment import UNPRUNED, Experiment, Variant, with_leading
from xbarpaper.networks import Network, build, inference, training
from xbarpaper.networks.runs import Run
from xbarpaper.pruning import PrunedNetwork, unpruned
from xbarpaper.support.files import require_writable


@dataclass(frozen=True)
class Trained:
    """What a training, a fine-tuning or WCT gave."""

    variant: Variant  # which network
    checkpoint: Checkpoint  # the network as saved
    training: pd.DataFrame  # one row per epoch
    software: pd.DataFrame  # one row: accuracy without crossbars, percent


def train(experiment: Experiment) -> Trained:
    """Train the unpruned network, in ``train.epochs`` passes, and keep it."""
    settings, label = experiment.params.train, f"trained-{UNPRUNED.label}"
    path, behind = experiment.checkpoint_path(UNPRUNED), parameters_behind(experiment)
    require_writable(path)
    network = unpruned(build(experiment.architecture, experiment.section.training_seed))
    run = Run(
        title=f"{experiment.name} {UNPRUNED.label} trained",
        settings=settings,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        seed=experiment.section.training_seed,
        resume=experiment.resume(f"{label}.safetensors"),
        live=experiment.live(label),
    )
    history = training.train(network.network, experiment.images, run)
    return kept(experiment, UNPRUNED, "trained", network, history, path, behind)


def load(experiment: Experiment) -> Checkpoint:
    """The unpruned network, refused unless it belongs to the parameters and the data in force."""
    path = experiment.checkpoint_path(UNPRUNED)
    return checkpoints.load(path, parameters_behind(experiment), experiment.images)


def parameters_behind(experiment: Experiment) -> dict[str, Any]:
    """Every parameter that the unpruned network depends on, by dotted name."""
    values = named(experiment, train=experiment.params.train) | {"scheme": "unpruned", "crossbar_size": None}
    values.pop(f"experiments.{experiment.name}.sparsity")
    return values


def named(experiment: Experiment, **sections: BaseModel) -> dict[str, Any]:
    """The values of sections of the parameters by dotted name, the experiment's own first, without ``train.device``."""
    entry = f"experiments.{experiment.name}"
    values = {
        f"{prefix}.{name}": value
        for prefix, section in {entry: experiment.section, **sections}.items()
        for name, value in section.model_dump(mode="json").items()
    }
    values.pop("train.device")
    return values


def kept(
    experiment: Experiment,
    variant: Variant,
    step: str,
    pruned: PrunedNetwork,
    history: pd.DataFrame,
    path: Path,
    behind: Mapping[str, Any],
    *,
    accuracy: float | None = None,
) -> Trained:
    """Save what a training gave, and say it in tables.

    Args:
        accuracy: without crossbars, percent; that of the last epoch if not given.
    """
    settings = experiment.params.train
    arithmetic = inference.forward_dtype(settings.precision, inference.device_of(settings))
    pruned.network.to("cpu")
    metadata = Metadata(
        architecture=pruned.network.architecture,
        scheme=variant.scheme,
        sparsity=0.0 if variant.scheme == "unpruned" else experiment.section.sparsity,
        crossbar_size=variant.crossbar_size,
        parameters=dict(behind),
        seed=experiment.section.training_seed,
        dataset=experiment.images.description,
        dataset_digest=experiment.images.digest,
        classes=experiment.images.classes,
        software_accuracy=float(history["test_accuracy"].iloc[-1]) if accuracy is None else accuracy,
        versions=checkpoints.versions(arithmetic),
    )
    checkpoint = Checkpoint(pruned, metadata)
    checkpoints.save(path, checkpoint)
    leading = experiment.leading_of(variant) | {"step": step}
    row = {
        **leading,
        "sparsity": metadata.sparsity,
        "accuracy": metadata.software_accuracy,
        "test_images": len(experiment.images.test),
        "classes": len(experiment.images.classes),
        "hardware": metadata.versions["hardware"],
    }
    return Trained(variant, checkpoint, with_leading(history, leading), pd.DataFrame([row]))


def software_accuracy(experiment: Experiment, network: Network) -> float:
    """Accuracy without crossbars on all test images, percent."""
    images = experiment.images
    device = inference.device_of(experiment.params.train)
    test = data.normalised(images.test, images, device)
    return inference.accuracy(network.to(device), test, images.test.labels.to(device))
