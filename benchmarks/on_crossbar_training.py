"""Time of a training step on crossbars beside one in software, the circuits solved every L steps.

``python benchmarks/on_crossbar_training.py`` writes ``reports/benchmarks/on-crossbar-training.csv``. All three phases are
not ideal, the images are noise, and whole epochs of the library's own loop take turns; processor time on one thread
counts, as it does not depend on what else runs. arXiv 2002.11151 reports 14 times the time of a fixed-point training on
a GPU.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from circuit import machine
from training import random_images

from xbarpaper import params
from xbarpaper.hardware import map_network
from xbarpaper.hardware.in_place import Surroundings, on_crossbars
from xbarpaper.hardware.writing import Write
from xbarpaper.networks import Architecture, build, training
from xbarpaper.networks.runs import Run
from xbarpaper.pruning import compaction_of, unpruned, weight_quantiles
from xbarpaper.support.files import write_table

PROFILE = Path(__file__).parent.parent / "profiles" / "quick.yaml"
SOFTWARE = 0
"""Steps between two solutions of the circuits, where there are none."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", choices=["vgg11", "vgg16"], default="vgg11")
    parser.add_argument(
        "--widths", type=float, nargs="+", default=[0.125, 0.25], help="channels relative to standard"
    )
    parser.add_argument("--refresh-steps", type=int, nargs="+", default=[1, 20, 100], help="L")
    parser.add_argument("--steps", type=int, default=40, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=3, help="measured ones of each; one more warms up")
    parser.add_argument("--output", type=Path, default=Path("reports/benchmarks"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = params.load_profile(PROFILE)
    rows = []
    for width in arguments.widths:
        architecture = Architecture(network=arguments.network, width=width, classes=10)
        every = (SOFTWARE, *arguments.refresh_steps)
        found: dict[int, list[float]] = {steps: [] for steps in every}
        for epoch in range(arguments.epochs + 1):
            for steps in every:
                seconds = epoch_seconds(architecture, settings, arguments.steps, steps)
                if epoch:
                    found[steps].append(seconds / arguments.steps)
        plain = statistics.median(found[SOFTWARE])
        rows += [
            {
                "network": arguments.network, "width": width, "refresh_steps": steps,
                "crossbar_size": settings.on_crossbar_training.crossbar_size, "batch": settings.train.batch_size,
                "steps": arguments.steps, "epochs": arguments.epochs,
                "ms_per_step": 1e3 * statistics.median(seconds), "ratio": statistics.median(seconds) / plain,
                "machine": machine(),
            }
            for steps, seconds in found.items()
        ]  # fmt: skip
    table = pd.DataFrame(rows)
    write_table(arguments.output / "on-crossbar-training.csv", table)
    print(table.drop(columns="machine").to_string(index=False))


def epoch_seconds(
    architecture: Architecture, settings: params.Params, steps: int, refresh_steps: int
) -> float:
    """Processor time of one epoch of so many steps; the solution before the first is not counted."""
    section = settings.on_crossbar_training
    recipe = settings.train.model_copy(update={"precision": "float32", "device": "cpu"})
    network, run = build(architecture, 0), Run("benchmark", recipe, 1, section.learning_rate, 0)
    images = random_images(steps * recipe.batch_size)
    scene: Any = nullcontext()
    if refresh_steps != SOFTWARE:
        whole = unpruned(network)
        w_max = weight_quantiles(whole, settings.mapping.w_max_quantile)
        mapped = map_network(whole, compaction_of("unpruned"), section.crossbar_size, w_max)
        write = Write(section.write_nonlinearity, section.write_noise)
        devices, circuit, gain = settings.devices, settings.circuit, settings.readout.gain
        met = Surroundings(devices, circuit, gain, section.phases, refresh_steps, write, seed=0)
        scene = on_crossbars(mapped, met, "benchmark")
    with scene as crossbars:
        begun = time.process_time()
        training.train(network, images, replace(run, constraints=(crossbars,) if crossbars else ()))
        return time.process_time() - begun


if __name__ == "__main__":
    main()
