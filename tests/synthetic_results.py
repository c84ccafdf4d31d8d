"""Invented results with a known truth, for tests only: nothing here was measured."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from xbarpaper import results
from xbarpaper.params import Params, load
from xbarpaper.validation import parse

SCHEMES = ("unpruned", "cf", "xcs", "xrs")
LOSSES = {"unpruned": 8.0, "cf": 14.0, "xcs": 11.0, "xrs": 12.0}
SHARES = {"unpruned": 0.55, "cf": 0.62, "xcs": 0.6, "xrs": 0.58}
SOFTWARE = {"unpruned": 90.0, "cf": 86.0, "xcs": 89.5, "xrs": 89.0}


def make_params(experiments: int = 2, sizes: tuple[int, ...] = (16, 32), *, seeds: int = 5) -> Params:
    """The active profile with other experiments and sizes."""
    tree = load("params.yaml").model_dump(mode="json")
    first = {"dataset": "shapes10", "network": "vgg11", "width": 0.25, "sparsity": 0.8, "training_seed": 0}
    names = [f"made-up-{index}" for index in range(experiments)]
    networks = itertools.cycle(["vgg11", "vgg16"])
    tree["profile"] = "made-up"
    tree["datasets"] = {"shapes10": tree["datasets"].get("shapes10", _SHAPES)}
    tree["experiments"] = {name: first | {"network": next(networks)} for name in names}
    tree["mapping"]["crossbar_sizes"] = list(sizes)
    tree["sensitivity"] |= {"experiments": [], "crossbar_size": sizes[0]}
    tree["beyond"]["experiments"] = []
    tree["evaluation"]["variation_seeds"] = seeds
    tree["evaluation"]["gains"] = ["none", "layer", "tile", "column"]
    tree["readout"]["gain"] = "layer"
    tree["claims"]["bootstrap_resamples"] = 200
    return parse(tree, "synthetic", Params)


def replicated(params: Params, seeds: int) -> Params:
    """The same networks, each trained ``seeds`` times."""
    tree = params.model_dump(mode="json")
    tree["experiments"] = {
        f"{name}-{seed}": experiment | {"training_seed": seed}
        for name, experiment in tree["experiments"].items()
        for seed in range(seeds)
    }
    return parse(tree, "synthetic", Params)


_SHAPES = {"kind": "shapes10", "train_images": 100, "test_images": 2000, "noise_sigma": 0.1, "seed": 0}


def make_results(
    params: Params,
    *,
    rearrange_points: float = 0.5,
    wct_points: float = 1.2,
    wct_software_points: float = 0.2,
    wct_share: float = 0.1,
    losses: dict[str, float] | None = None,
    software: dict[str, float] | None = None,
    compression: float = 4.0,
    noise: float = 0.15,
) -> results.Results:
    """Tables whose effects have the sizes asked for, points of accuracy, with seed-to-seed ``noise``."""
    losses, software = losses or LOSSES, software or SOFTWARE
    random = np.random.default_rng(1)
    gains = {"R": rearrange_points, "WCT": wct_points, "R+WCT": rearrange_points + wct_points, "none": 0.0}
    evaluation, layers, trained, epochs = [], [], [], []
    for name, experiment in params.experiments.items():
        common = {"experiment": name, "dataset": experiment.dataset, "network": experiment.network}
        for scheme in SCHEMES:
            kept = {
                **common,
                "scheme": scheme,
                "sparsity": 0.0 if scheme == "unpruned" else experiment.sparsity,
            }
            for size in params.mapping.crossbar_sizes:
                shared = random.normal(0, 0.6, params.evaluation.variation_seeds)
                crossbars = 4096 * 16**2 // size**2
                fewer = 1.0 if scheme == "unpruned" else compression
                for mitigation, gained in gains.items():
                    own = software[scheme] + (wct_software_points if "WCT" in mitigation else 0.0)
                    share = SHARES[scheme] + (wct_share if "WCT" in mitigation else 0.0)
                    fixed = {
                        **kept, "crossbar_size": size, "mitigation": mitigation, "software_accuracy": own,
                        "nf": 0.2 + size / 400, "low_conductance_share": share,
                        "crossbars": int(crossbars / fewer), "compression_rate": fewer,
                    }  # fmt: skip
                    loss = losses[scheme] * (0.6 + 0.02 * size)
                    base = software[scheme] - loss + gained
                    runs = [
                        ("both", gain, seed)
                        for gain in params.evaluation.gains
                        for seed in range(len(shared))
                    ]
                    if mitigation == "none":
                        runs += [("variation", params.readout.gain, seed) for seed in range(len(shared))]
                        runs += [("wires", params.readout.gain, np.nan)]
                    for effects, gain, seed in runs:
                        offset = {"none": -30.0, "layer": 0.0, "tile": 0.5, "column": 1.0}[gain]
                        offset += {"both": 0.0, "variation": 0.8 * loss, "wires": 0.2 * loss}[effects]
                        jitter = 0.0 if np.isnan(seed) else shared[int(seed)] + random.normal(0, noise)
                        accuracy = round(base + offset + jitter, 4)
                        row = {**fixed, "effects": effects, "gain": gain, "seed": seed, "accuracy": accuracy}
                        evaluation.append(row)
                    for layer in range(1, 9):
                        layers.append(
                            {
                                **common, "scheme": scheme, "crossbar_size": size, "mitigation": mitigation,
                                "layer": f"features.{layer}", "rows": 64 * layer, "columns": 32 * layer,
                                "kept_weights": 400 * layer, "crossbars": 4 * layer,
                                "crossbars_unpruned": int(4 * layer * fewer), "utilisation": 0.9,
                                "compression_rate": fewer, "low_conductance_share": share - 0.02 * layer,
                                "nf": 0.25 + size / 400 - 0.3 * (share - 0.02 * layer),
                            }
                        )  # fmt: skip
            for step in ("trained",) if scheme == "unpruned" else ("pruned", "fine-tuned", "wct"):
                for size in (np.nan,) if scheme in ("unpruned", "cf") else params.mapping.crossbar_sizes:
                    accuracy = software[scheme] - (20.0 if step == "pruned" else 0.0)
                    trained.append(
                        {
                            **kept, "crossbar_size": size, "step": step, "accuracy": accuracy,
                            "test_images": 2000, "hardware": "a made-up machine",
                        }
                    )  # fmt: skip
            for step in ("trained",) if scheme == "unpruned" else ("fine-tuned", "wct"):
                for size in (np.nan,) if scheme in ("unpruned", "cf") else params.mapping.crossbar_sizes:
                    for epoch in range(1, 5):
                        epochs.append(
                            {
                                "experiment": name, "network": experiment.network,
                                "scheme": scheme,
                                "crossbar_size": size, "step": step, "epoch": epoch,
                                "learning_rate": 0.1 / epoch,
                                "train_loss": 1.0 / epoch,
                                "train_accuracy": 95 - 40 / epoch,
                                "test_accuracy": software[scheme] - 30 / epoch,
                            }
                        )  # fmt: skip
    tables = {"evaluation": evaluation, "layers": layers, "software": trained, "training": epochs}
    return results.Results(
        **{name: pd.DataFrame(rows)[list(results.COLUMNS[name])] for name, rows in tables.items()}
    )
