"""What each part of the few-epoch recipe buys in software, what it costs on crossbars, and each doubling of the epochs.

``python benchmarks/recipe.py profiles/neighbours.yaml --epochs 8 --against profiles/cifar10-small.yaml`` trains the
network of the profile's first experiment by the profile's recipe, from several seeds, which tell how far trainings differ
by chance; then once by the recipe of the other profile for as many epochs, for twice and for half the epochs, and with
one part of the recipe changed at a time. Each trained network, unpruned, is put onto crossbars and tested there with
resistances alone, with device variation alone, and with both. A row is written to
reports/benchmarks/recipe-<network>-<width>.csv as each training ends, and those that are there already are not trained
again, so a run that is cut off goes on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
import torch

from xbarpaper import data, params
from xbarpaper.hardware import map_network, read_out
from xbarpaper.hardware.effects import chip
from xbarpaper.networks import Architecture, Network, build, inference, training
from xbarpaper.networks.network import folded
from xbarpaper.networks.runs import Run
from xbarpaper.params import NetworkName, Params, Train
from xbarpaper.pruning import compaction_of, unpruned, weight_quantiles
from xbarpaper.support import files
from xbarpaper.support.errors import command

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "reports" / "benchmarks"
PLAIN = Train()
KEYS = ["variant", "epochs", "training_seed"]
# What is changed, one part at a time. Where a profile has it already, the variant is the recipe itself and is left out.
CHANGES: dict[str, dict[str, Any]] = {
    "norm biases as slow as the rest": {"norm_bias_rate": 1.0},
    "no label smoothing": {"label_smoothing": 0.0},
    "twice the weight decay": {"weight_decay": 2 * PLAIN.weight_decay},
    "last weights, no average": {"average_decay": 0.0},
    "cut-out of 8 pixels": {"cut_out_pixels": 8},
    "small batches": {"batch_size": PLAIN.batch_size, "learning_rate": PLAIN.learning_rate},
    "mirrored at random": {"alternating_flip": False},
}


@dataclass(frozen=True)
class Task:
    """One training: what it is called, its recipe and its seed, and what it trains."""

    variant: str
    recipe: Train
    seed: int
    network: NetworkName
    width: float
    images: Path


@command("recipe")
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("profile", type=Path, help="whose recipe, network, data and crossbars")
    parser.add_argument("--against", type=Path, help="a profile whose recipe is trained too")
    parser.add_argument("--images", type=Path, help="a prepared dataset, in place of the experiment's")
    parser.add_argument("--width", type=float, help="in place of the experiment's")
    parser.add_argument("--epochs", type=int, help="in place of the recipe's")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of the recipe; others: one each")
    parser.add_argument("--draws", type=int, default=5, help="of the devices")
    parser.add_argument("--processes", type=int, default=1, help="side by side, one thread each")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the table goes")
    given = parser.parse_args()
    settings = params.load_profile(given.profile)
    experiment = next(iter(settings.experiments.values()))
    width = given.width or experiment.width
    recipe = _for(given.epochs, settings.train)
    other = params.load_profile(given.against).train if given.against else recipe
    images = given.images or _prepared(experiment.dataset, settings)
    path = given.output / f"recipe-{experiment.network}-{width:g}.csv"
    table = files.read_table(path) if path.exists() else pd.DataFrame(columns=KEYS)
    done = set(table[KEYS].itertuples(index=False, name=None))
    tasks = [
        Task(variant, chosen, seed, experiment.network, width, images)
        for variant, chosen in variants(recipe, other).items()
        for seed in range(given.seeds if chosen == recipe else 1)
        if (variant, chosen.epochs, seed) not in done
    ]
    with ProcessPoolExecutor(given.processes) as pool:
        for future in as_completed([pool.submit(row, task, settings, given.draws) for task in tasks]):
            print(future.result(), flush=True)
            table = pd.concat([table, pd.DataFrame([future.result()])], ignore_index=True)
            files.write_table(path, table.sort_values(KEYS))
    print(table.groupby("variant")[["accuracy", "wires", "variation", "both"]].agg(["mean", "std"]).round(2))


def variants(recipe: Train, other: Train) -> dict[str, Train]:
    """The recipe, the recipe with one part changed, with other epochs, and another recipe for as many epochs."""
    changed = {f"epochs: {count}": {"epochs": count} for count in (2 * recipe.epochs, recipe.epochs // 2)}
    found = {"recipe": recipe, "the other recipe": _for(recipe.epochs, other)}
    for name, values in (changed | CHANGES).items():
        found[name] = recipe.model_copy(update=values)
    return {name: one for name, one in found.items() if name == "recipe" or one != recipe}


def row(task: Task, settings: Params, draws: int) -> dict[str, Any]:
    """One training: accuracy in software, and points lost on crossbars of the largest size, in percent."""
    torch.set_num_threads(1)
    loaded = data.load(task.images)
    architecture = Architecture(network=task.network, width=task.width, classes=len(loaded.classes))
    network = build(architecture, task.seed)
    begun = time.process_time()
    recipe = task.recipe
    run = Run(f"{task.variant}, {task.seed}", recipe, recipe.epochs, recipe.learning_rate, task.seed)
    history = training.train(network, loaded, run)
    seconds = time.process_time() - begun
    precision = inference.forward_dtype(recipe.precision, inference.device_of(recipe))
    return {
        "variant": task.variant,
        "epochs": recipe.epochs,
        "training_seed": task.seed,
        "accuracy": history["test_accuracy"].iloc[-1],
        **losses(network, settings, _tester(loaded), draws),
        "draws": draws,
        "seconds": round(seconds, 1),
        "precision": str(precision).removeprefix("torch."),
        "torch": torch.__version__,
    }


def losses(
    network: Network, settings: Params, accuracy: Callable[[torch.nn.Module], float], draws: int
) -> dict[str, float]:
    """Points lost with each effect, means over the draws, and the non-ideality factor of the resistances."""
    size, gain = max(settings.mapping.crossbar_sizes), settings.readout.gain
    whole, software = unpruned(network), accuracy(network)
    w_max = weight_quantiles(whole, settings.mapping.w_max_quantile)
    mapped = map_network(whole, compaction_of("unpruned"), size, w_max)
    chips = [chip(settings.devices, seed) for seed in range(draws)]

    def lost(effects: Any, acting: Any) -> float:
        return software - accuracy(read_out(mapped, settings.devices, effects, acting).twin(gain))

    wires = read_out(mapped, settings.devices, (), settings.circuit)
    return {
        "crossbar_size": size,
        "wires": round(software - accuracy(wires.twin(gain)), 3),
        "variation": round(fmean(lost(one, None) for one in chips), 3),
        "both": round(fmean(lost(one, settings.circuit) for one in chips), 3),
        "non_ideality_factor": round(wires.non_ideality_factor, 4),
    }


def _tester(loaded: data.ImageSet) -> Callable[[torch.nn.Module], float]:
    """The accuracy of a network on all test images, percent, in float32."""
    images, labels = data.normalised(loaded.test, loaded, torch.device("cpu")), loaded.test.labels
    return lambda network: inference.accuracy(folded(network), images, labels)


def _for(epochs: int | None, recipe: Train) -> Train:
    return recipe if epochs is None else recipe.model_copy(update={"epochs": epochs})


def _prepared(name: str, settings: Params) -> Path:
    """The file of a dataset, prepared now if no stage has done so."""
    path = ROOT / "data" / "datasets" / f"{name}.safetensors"
    if not path.is_file():
        data.save(data.prepare(name, settings.dataset(name)), path)
    return path


if __name__ == "__main__":
    sys.exit(main())
