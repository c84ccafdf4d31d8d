"""The networks that parameters may name; a new one is added here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch

from xbarpaper.networks.network import Architecture, Network
from xbarpaper.networks.resnet import ResNet20
from xbarpaper.networks.vgg import Vgg11, Vgg16
from xbarpaper.params import NetworkName
from xbarpaper.params.names import NETWORKS as NAMES
from xbarpaper.support.registry import registry

_CLASSES: tuple[type[Network], ...] = (Vgg11, Vgg16, ResNet20)
NETWORKS: Final[Mapping[NetworkName, type[Network]]] = registry(
    "network", NAMES, ((one.name, one) for one in _CLASSES)
)


def build(architecture: Architecture, seed: int) -> Network:
    """A freshly initialised network, the same for the same seed; torch's global generator is left as it was.

    Raises:
        ArtifactError: the architecture keeps channels that the whole network does not have.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[architecture.network](architecture)


def outline(architecture: Architecture) -> Network:
    """A network without memory for its weights, on torch's device ``meta``: shapes and description alone."""
    with torch.device("meta"):
        return NETWORKS[architecture.network](architecture)
