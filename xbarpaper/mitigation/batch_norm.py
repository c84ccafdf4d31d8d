"""Batch-norm statistics re-estimated on the network as it sits on the crossbars.

What crossbars do to the weights moves mean and spread of every activation away from what batch norm remembers from
training. Both are digital numbers, so a few hundred images without labels suffice to measure them anew, on each chip.
(What this wins and what not is examined in arXiv 2305.18416.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from xbarpaper.data import ImageSet, normalised
from xbarpaper.mitigation.parts import Costs, Mitigation
from xbarpaper.networks.digests import tensor_digest
from xbarpaper.networks.inference import arithmetic, device_of, forward_dtype

if TYPE_CHECKING:  # so that finished rows and resume files outlive a new section
    from xbarpaper.params import Params


@dataclass(frozen=True)
class BatchNormEstimate:
    """Re-estimates the statistics of every batch norm."""

    # normalised training images of all classes, shape (n, 3, 32, 32), n at least 2; labels are not needed
    images: Tensor
    dtype: torch.dtype  # arithmetic of the forward pass

    @classmethod
    def drawn(
        cls, images: ImageSet, count: int, device: torch.device, dtype: torch.dtype
    ) -> BatchNormEstimate:
        """From so many training images, drawn at random; the same ones for the same data."""
        # datasets may be sorted by class, and statistics of one class mislead
        order = torch.randperm(len(images.train), generator=torch.Generator().manual_seed(0))
        return cls(normalised(images.train, images, device)[order[:count].to(device)], dtype)

    def digest(self) -> str:
        """A text that differs where the estimate differs."""
        return f"batch norm, {self.dtype}, {tensor_digest({'images': self.images})}"

    def apply(self, network: nn.Module, software: nn.Module) -> nn.Module:
        """Replace the statistics by those of the images, all taken as one batch; see ``Finish.apply``."""
        del software  # its answers are not asked for
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 1.0  # nothing of the old statistics stays
        network.to(self.images.device).train()
        with torch.no_grad(), arithmetic(self.images.device, self.dtype):
            network(self.images)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        return network.eval()


@dataclass(frozen=True)
class ReestimatedBatchNorm:
    """Shows each chip some training images without labels."""

    def finish(self, params: Params, images: ImageSet) -> BatchNormEstimate:
        """See ``Finishes.finish``."""
        device = device_of(params.train)
        dtype = forward_dtype(params.evaluation.precision, device)
        return BatchNormEstimate.drawn(images, params.beyond.batch_norm_images, device, dtype)

    def costs(self, params: Params, images: int) -> Costs:
        """See ``Part.costs``."""
        return Costs(chip_images=min(params.beyond.batch_norm_images, images))


BN: Final = Mitigation("BN", finishes=ReestimatedBatchNorm())
