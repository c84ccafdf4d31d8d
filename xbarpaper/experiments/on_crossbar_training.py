"""Training on the crossbars, beside the same training in software: what each phase costs, and how good writes must be.

A replicate is a training with fresh weights or batches of its own, on a chip of its own; all its cases and the training
in software have the same. The largest weights at the start and at the end of the training in software are the range
of the devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pandas as pd
import torch

from xbarpaper.data import ImageSet
from xbarpaper.experiments import trained
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.experiments.journal import Journal
from xbarpaper.experiments.side_by_side import side_by_side
from xbarpaper.hardware import map_network
from xbarpaper.hardware.in_place import Surroundings, on_crossbars
from xbarpaper.hardware.writing import Write
from xbarpaper.networks import Network, build, inference, training
from xbarpaper.networks.digests import tensor_digest
from xbarpaper.networks.runs import Run
from xbarpaper.pruning import compaction_of, unpruned, weight_quantiles
from xbarpaper.support import code

STAGE: Final = "20_on_crossbar_training"
_CHOICE: Final = 0  # seed of the random training images
_SEEDS: Final = 1000  # apart, so that replicates of replicates differ


def cases(experiment: Experiment) -> list[dict[str, Any]]:
    """Ways of training, by the columns that tell them: each phase alone, all, and then one thing changed at a time."""
    settings = experiment.params.on_crossbar_training
    usual = settings.usual(experiment.params.devices)
    tried = {
        "refresh_steps": (1,),
        "write_nonlinearity": settings.write_nonlinearities,
        "write_noise": settings.write_noises,
        "on_off_ratio": settings.on_off_ratios,
    }
    found = [usual | {"phases": phase} for phase in settings.phases]
    found += [usual, *(usual | {name: value} for name, values in tried.items() for value in values)]
    return [case for number, case in enumerate(found) if case not in found[:number]]


def evaluate(experiment: Experiment) -> pd.DataFrame:
    """Train every case with every seed, and in software; a killed run goes on with what it lacks.

    Returns:
        A row for each case and seed: experiment, dataset, network, crossbar_size, phases (that are not ideal, joined by
        ``+``), refresh_steps, write_nonlinearity, write_noise, on_off_ratio, seed (of the training and of the chip),
        accuracy and software_accuracy (percent, all test images, after as many steps).

    Raises:
        TrainingError: a training does not end in numbers.
    """
    settings, first = experiment.params.on_crossbar_training, _SEEDS * experiment.section.training_seed
    seeds = range(first, first + settings.training_seeds)
    tasks: dict[str, tuple[Any, ...]] = {f"in software, seed {seed}": (seed,) for seed in seeds}
    software = dict(zip(seeds, side_by_side(experiment, _in_software, tasks), strict=True))
    tasks = {
        f"{_words(case)}, seed {seed}": (case, seed, software[seed][1])
        for case in cases(experiment)
        for seed in seeds
    }
    reached = _reached(experiment, tasks)
    rows = [
        {"crossbar_size": settings.crossbar_size, **case, "seed": seed, "accuracy": accuracy,
         "software_accuracy": software[seed][0]}
        for (case, seed, _), accuracy in zip(tasks.values(), reached, strict=True)
    ]  # fmt: skip
    return with_leading(pd.DataFrame(rows), experiment.leading)


def _reached(experiment: Experiment, tasks: Mapping[str, tuple[Any, ...]]) -> list[float]:
    """Accuracies of the trainings on crossbars, in the order of the tasks; those in the journal are not trained again."""
    params, journal = experiment.params, Journal(experiment.resume(f"{STAGE}.csv"))
    sections = (params.on_crossbar_training, params.train, params.devices, params.circuit)
    gain, settings = params.readout.gain, [one.model_dump_json() for one in sections]
    common = [experiment.images.digest, code.digest(__name__), gain, *settings]
    begun = {
        seed: tensor_digest(_begun(experiment, seed, "")[0].state_dict()) for _, seed, _ in tasks.values()
    }
    identities = {
        name: " ".join([*common, name, begun[seed], str(w_max)]) for name, (_, seed, w_max) in tasks.items()
    }

    def rows_of(name: str) -> pd.DataFrame | None:
        return journal.rows(identities[name], "both", None, (gain,))

    def keep(name: str, accuracy: float) -> None:
        row = {"effects": "both", "seed": None, "gain": gain, "accuracy": accuracy}
        journal.add(identities[name], pd.DataFrame([row]))

    missing = {name: task for name, task in tasks.items() if rows_of(name) is None}
    side_by_side(experiment, _on_crossbars, missing, keep)
    return [float(rows["accuracy"].iloc[0]) for rows in map(rows_of, tasks) if rows is not None]


def _words(case: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in case.items())


def _begun(experiment: Experiment, seed: int, title: str) -> tuple[Network, ImageSet, Run]:
    """A network at the start of its training, what it is trained on, and the recipe."""
    settings = experiment.params.on_crossbar_training
    if settings.start == "fresh":
        network = build(experiment.architecture, seed)
    else:
        network = trained.load(experiment).pruned.network
    # The weights that are kept are those on the devices, not an average of past ones.
    exact = {"precision": "float32", "average_decay": 0.0}
    run = Run(
        title=f"{experiment.name} {title}",
        settings=experiment.params.train.model_copy(update=exact),
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        seed=seed,
    )
    images = experiment.images
    order = torch.randperm(len(images.train), generator=torch.Generator().manual_seed(_CHOICE))
    images = images.learning_from(order[: settings.train_images])
    return network.to(inference.device_of(run.settings)), images, run


def _in_software(experiment: Experiment, seed: int) -> tuple[float, dict[str, float]]:
    """Accuracy, percent, and the largest weight of each layer, at the start or at the end."""
    network, images, run = _begun(experiment, seed, f"in software, seed {seed}")
    quantile = experiment.params.mapping.w_max_quantile
    before = weight_quantiles(unpruned(network), quantile)
    resume = experiment.resume(f"{STAGE}-software-{seed}.safetensors")
    history = training.train(network, images, replace(run, resume=resume))
    after = weight_quantiles(unpruned(network), quantile)
    return float(history["test_accuracy"].iloc[-1]), {name: max(before[name], after[name]) for name in before}


def _on_crossbars(
    experiment: Experiment, case: Mapping[str, Any], seed: int, w_max: dict[str, float]
) -> float:
    """Accuracy of a network that was trained on crossbars, on them, percent."""
    params, title = experiment.params, f"{_words(case)}, seed {seed}"
    network, images, run = _begun(experiment, seed, title)
    size = params.on_crossbar_training.crossbar_size
    mapped = map_network(unpruned(network), compaction_of("unpruned"), size, w_max)
    r_max_ohm = params.devices.r_min_ohm * case["on_off_ratio"]
    surroundings = Surroundings(
        devices=params.devices.model_copy(update={"r_max_ohm": r_max_ohm}),
        parasitics=params.circuit,
        gain=params.readout.gain,
        phases=tuple(case["phases"].split("+")),
        refresh_steps=case["refresh_steps"],
        write=Write(case["write_nonlinearity"], case["write_noise"]),
        seed=seed,
    )
    with on_crossbars(mapped, surroundings, run.title) as crossbars:
        training.train(network, images, replace(run, constraints=(crossbars,)))
        crossbars.solve()
        return trained.software_accuracy(experiment, network)
