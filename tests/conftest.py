"""What several test modules share: a tiny dataset, tiny networks, and a tiny profile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from xbarpaper import data, params
from xbarpaper.circuit import Parasitics
from xbarpaper.data import ImageSet, normalised
from xbarpaper.evaluation import Bench, Subject
from xbarpaper.mapped import map_network
from xbarpaper.mitigation import ordered_by_mean_conductance
from xbarpaper.models import Architecture, Vgg, build
from xbarpaper.params import ColumnOrder, Devices, NetworkName, Params, SchemeName, Shapes10
from xbarpaper.pruning import SCHEMES as PRUNING
from xbarpaper.pruning import compaction_of, prune, unpruned

QUICK = Path(__file__).parents[1] / "profiles" / "quick.yaml"

MakeNetwork = Callable[..., Vgg]
MakeParams = Callable[..., Params]
MakeSubject = Callable[..., Subject]

DEVICES = Devices(r_min_ohm=20e3, r_max_ohm=200e3, variation_sigma=0.1)


@pytest.fixture(scope="session")
def tiny_images() -> ImageSet:
    """A hundred training images and forty for testing, ten classes."""
    settings = Shapes10(kind="shapes10", train_images=100, test_images=40, noise_sigma=0.05, seed=1)
    return data.prepare("tiny", settings, progress=False)


@pytest.fixture(scope="session")
def make_network() -> MakeNetwork:
    """Makes tiny networks in evaluation mode, whose batch norms are as unlike a fresh one as a trained network's."""

    def make(network: NetworkName = "vgg11", width: float = 0.04, seed: int = 0, classes: int = 10) -> Vgg:
        made = build(Architecture(network=network, width=width, classes=classes), seed)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for block in made.convolution_blocks():
                norm = block.normalisation
                norm.weight.uniform_(0.5, 1.5, generator=generator)
                norm.bias.normal_(0.0, 0.3, generator=generator)
                norm.running_mean.normal_(0.0, 0.3, generator=generator)
                norm.running_var.uniform_(0.5, 2.0, generator=generator)
            made.classifier.weight.normal_(0.0, 0.3, generator=generator)
            made.classifier.bias.normal_(0.0, 0.3, generator=generator)
        return made.eval()

    return make


@pytest.fixture(scope="session")
def make_params() -> MakeParams:
    """Makes strictly checked parameters: the profile quick at a tiny size, with changes by section."""

    def make(**changes: dict[str, Any]) -> Params:
        tree = params.load(QUICK).model_dump()
        tree["profile"] = "tiny"
        tree["datasets"] = {
            "tiny": {
                "kind": "shapes10",
                "train_images": 100,
                "test_images": 40,
                "noise_sigma": 0.05,
                "seed": 1,
            }
        }
        tree["experiments"] = {
            "tiny-vgg11": {
                "dataset": "tiny",
                "network": "vgg11",
                "width": 0.06,
                "sparsity": 0.6,
                "training_seed": 0,
            }
        }
        tiny: dict[str, dict[str, Any]] = {
            "train": {"device": "cpu", "precision": "float32", "epochs": 1, "batch_size": 25},
            "prune": {"epochs": 1},
            "mapping": {"crossbar_sizes": (8, 16)},
            "evaluation": {"variation_seeds": 2, "gains": ("none", "layer"), "batch_size": 40},
            "sensitivity": {
                "experiments": ("tiny-vgg11",),
                "crossbar_size": 8,
                "on_off_ratios": (10.0, 100.0),
                "wire_factors": (0.0, 1.0),
                "driver_factors": (1.0, 2.0),
                "crossbar_sizes": (8, 16),
                "sparsities": (0.6, 0.8),
                "variation_sigmas": (0.0, 0.1),
            },
            "beyond": {"experiments": ("tiny-vgg11",), "batch_norm_images": 50, "tuning_refresh_steps": 2},
        }
        for section, values in [*tiny.items(), *changes.items()]:
            tree[section] = tree[section] | values
        return Params.model_validate(tree)

    return make


@pytest.fixture
def make_subject(make_network: MakeNetwork, make_params: MakeParams) -> MakeSubject:
    def make(scheme: SchemeName = "unpruned", order: ColumnOrder = "none", size: int = 16) -> Subject:
        network, settings = make_network(width=0.06), make_params().prune
        pruned = (
            unpruned(network)
            if scheme == "unpruned"
            else prune(network, PRUNING[scheme], settings, 0.6, size)
        )
        w_max = {
            name: float(weight.detach().abs().max()) for name, weight in pruned.network.weights().items()
        }
        arrangement = ordered_by_mean_conductance(order)
        mapped = map_network(pruned, compaction_of(scheme), size, w_max, arrangement)
        sparsity = 0.0 if scheme == "unpruned" else 0.6
        return Subject(mapped, scheme, sparsity, "none" if order == "none" else "R", 12.5)

    return make


@pytest.fixture
def bench(tiny_images: ImageSet) -> Bench:
    return Bench(
        images=normalised(tiny_images.test, tiny_images, "cpu"),
        labels=tiny_images.test.labels,
        images_digest=tiny_images.digest,
        devices=DEVICES,
        parasitics=Parasitics(),
        low_conductance_threshold=0.1,
        batch_size=40,
    )
