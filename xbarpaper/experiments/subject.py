"""What is evaluated: a network on crossbars, and the bench that all evaluations share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xbarpaper.hardware.mapped import MappedNetwork
from xbarpaper.mitigation.parts import Finish, Programming
from xbarpaper.networks import inference
from xbarpaper.networks.network import folded
from xbarpaper.params import Devices, Parasitics, SchemeName


@dataclass(frozen=True)
class Subject:
    """A mapped network and what its rows call it."""

    mapped: MappedNetwork  # the network on crossbars
    scheme: SchemeName  # how it was pruned
    sparsity: float  # fraction of the weights that was to be removed from the prunable layers; 0 for unpruned
    mitigation: str  # what was done against the non-idealities
    software_accuracy: float  # of the very network that is mapped, percent
    finish: Finish | None = None  # what is done to each of its non-ideal twins before it is evaluated
    programming: Programming | None = None  # how each chip is programmed; None programs all alike, as mapped

    @property
    def label(self) -> str:
        """Scheme and size, for messages."""
        return f"{self.scheme} {self.mapped.crossbar_size}"


@dataclass(frozen=True)
class Bench:
    """What all evaluations of a sweep share."""

    images: Tensor  # normalised test images on the device that evaluates, shape (n, 3, 32, 32)
    labels: Tensor  # their classes, shape (n,)
    images_digest: str  # digest of the data
    devices: Devices  # range and variation of the devices
    parasitics: Parasitics  # resistances of drivers, wires and sensing
    low_conductance_threshold: float  # share of the range below which a device counts as low
    batch_size: int  # images at a time
    dtype: torch.dtype = torch.float32  # arithmetic of inference

    def accuracy(self, network: nn.Module) -> float:
        """Accuracy of a network on the test images, percent."""
        network = folded(network).to(self.images.device)
        return inference.accuracy(network, self.images, self.labels, self.batch_size, self.dtype)
