"""What is evaluated: a network on crossbars, and the bench that all evaluations share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xbarpaper.hardware.mapped import MappedNetwork
from xbarpaper.mitigation.parts import Finish, Programming
from xbarpaper.networks import training
from xbarpaper.networks.folding import folded
from xbarpaper.params import Devices, Parasitics, SchemeName


@dataclass(frozen=True)
class Subject:
    """A mapped network and what its rows call it.

    Attributes:
        mapped: the network on crossbars.
        scheme: how it was pruned.
        sparsity: fraction of the weights that was to be removed from the prunable layers; 0 for unpruned.
        mitigation: what was done against the non-idealities.
        software_accuracy: of the very network that is mapped, percent.
        finish: what is done to each of its non-ideal twins before it is evaluated.
        programming: how each chip is programmed; None programs all alike, as mapped.
    """

    mapped: MappedNetwork
    scheme: SchemeName
    sparsity: float
    mitigation: str
    software_accuracy: float
    finish: Finish | None = None
    programming: Programming | None = None


@dataclass(frozen=True)
class Bench:
    """What all evaluations of a sweep share.

    Attributes:
        images: normalised test images on the device that evaluates, shape (n, 3, 32, 32).
        labels: their classes, shape (n,).
        images_digest: digest of the data.
        devices: range and variation of the devices.
        parasitics: resistances of drivers, wires and sensing.
        low_conductance_threshold: share of the range below which a device counts as low.
        batch_size: images at a time.
        dtype: arithmetic of inference.
    """

    images: Tensor
    labels: Tensor
    images_digest: str
    devices: Devices
    parasitics: Parasitics
    low_conductance_threshold: float
    batch_size: int
    dtype: torch.dtype = torch.float32

    def accuracy(self, network: nn.Module) -> float:
        """Accuracy of a network on the test images, percent."""
        network = folded(network).to(self.images.device)
        return training.accuracy(network, self.images, self.labels, self.batch_size, self.dtype)
