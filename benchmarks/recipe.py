"""What each part of the few-epoch recipe buys, and each doubling of the epochs.

``python benchmarks/recipe.py profiles/cifar10-full.yaml data/datasets/cifar10-png.safetensors --width 0.25``
trains the network of the profile's first experiment by the profile's recipe, then with each part of it taken back to
what ``params`` has by default, then for half and for twice the epochs, each with so many training seeds, in as many
processes as are asked for. A row is written to reports/benchmarks/recipe-<network>-<width>.csv as each training ends,
and those that are there already are not trained again, so a run that is cut off goes on.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from xbarpaper import data, params
from xbarpaper.networks import Architecture, build, training
from xbarpaper.params import NetworkName, Train
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError

OUTPUT = Path(__file__).resolve().parents[1] / "reports" / "benchmarks"
PARTS: dict[str, tuple[str, ...]] = {
    "large batches": ("batch_size", "learning_rate"),
    "fast biases of batch norms": ("norm_bias_rate",),
    "average of the weights": ("average_decay",),
    "more label smoothing": ("label_smoothing",),
    "cut-out": ("cut_out_pixels",),
    "mirrored in turns": ("alternating_flip",),
}
COLUMNS = ["variant", "epochs", "training_seed", "accuracy", "seconds", "precision", "torch"]


def main() -> int:
    """Returns the exit code: 0, or 1 after an error."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("profile", type=Path, help="whose recipe")
    parser.add_argument("images", type=Path, help="a prepared dataset")
    parser.add_argument("--width", type=float, help="in place of the experiment's")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each")
    parser.add_argument("--processes", type=int, default=1, help="side by side, one thread each")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the table goes")
    arguments = parser.parse_args()
    try:
        settings = params.load_profile(arguments.profile)
        experiment = next(iter(settings.experiments.values()))
        width = arguments.width or experiment.width
        path = arguments.output / f"recipe-{experiment.network}-{width:g}.csv"
        table = files.read_table(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
        done = set(zip(table["variant"], table["training_seed"], strict=True))
        tasks = [
            (name, recipe, seed)
            for seed in range(arguments.seeds)
            for name, recipe in variants(settings.train).items()
            if (name, seed) not in done
        ]
        with ProcessPoolExecutor(arguments.processes) as pool:
            futures = [
                pool.submit(trained, arguments.images, experiment.network, width, *task) for task in tasks
            ]
            for future in as_completed(futures):
                row = future.result()
                print(row, flush=True)
                table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
                files.write_table(path, table.sort_values(["variant", "training_seed"]))
    except ArtifactError as error:
        print(f"recipe: {error}", file=sys.stderr)
        return 1
    print(summary(table).to_string(index=False))
    return 0


def variants(recipe: Train) -> dict[str, Train]:
    """The recipe, the recipe without each of its parts, and with other epochs."""
    plain = Train()
    taken_back = {
        f"without {part}": recipe.model_copy(update={name: getattr(plain, name) for name in names})
        for part, names in PARTS.items()
    }
    epochs = {
        f"{count} epochs": recipe.model_copy(update={"epochs": count})
        for count in (recipe.epochs // 2, 2 * recipe.epochs)
    }
    return {"recipe": recipe, **taken_back, **epochs}


def trained(
    images: Path, network: NetworkName, width: float, name: str, recipe: Train, seed: int
) -> dict[str, Any]:
    """The row of one training."""
    torch.set_num_threads(1)
    loaded = data.load(images)
    architecture = Architecture(network=network, width=width, classes=len(loaded.classes))
    begun = time.process_time()
    run = training.Run(f"{name}, seed {seed}", recipe, recipe.epochs, recipe.learning_rate, seed)
    history = training.train(build(architecture, seed), loaded, run)
    precision = training.forward_dtype(recipe.precision, training.device_of(recipe))
    return {
        "variant": name,
        "epochs": recipe.epochs,
        "training_seed": seed,
        "accuracy": history["test_accuracy"].iloc[-1],
        "seconds": round(time.process_time() - begun, 1),
        "precision": str(precision).removeprefix("torch."),
        "torch": torch.__version__,
    }


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy of each variant, and what it has over the recipe."""
    means = table.groupby("variant", sort=False)["accuracy"].agg(["mean", "std", "size"]).reset_index()
    means["over the recipe"] = means["mean"] - float(means.loc[means["variant"] == "recipe", "mean"].iloc[0])
    return means.round(2)


if __name__ == "__main__":
    sys.exit(main())
