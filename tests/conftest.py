"""What several test modules share: a tiny dataset, tiny networks, and a tiny profile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from xbarpaper import data, params
from xbarpaper.data import ImageSet
from xbarpaper.models import Architecture, Vgg, build
from xbarpaper.params import NetworkName, Params, Shapes10

QUICK = Path(__file__).parents[1] / "profiles" / "quick.yaml"

MakeNetwork = Callable[..., Vgg]
MakeParams = Callable[..., Params]


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
        }
        for section, values in [*tiny.items(), *changes.items()]:
            tree[section] = tree[section] | values
        return Params.model_validate(tree)

    return make
