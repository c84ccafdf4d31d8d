"""Scale and shift of every batch norm tuned on each chip, without labels.

The statistics are measured anew first (``batch_norm``). Then gamma and beta are trained, and nothing else, until the
network on the crossbars answers the same few hundred images as the network without crossbars does: the loss is the
Kullback-Leibler divergence from its answers, so no label is needed. Both are digital numbers. (arXiv 2305.18416 tunes
them too, with the labels of the whole training set.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from xbarpaper.data import ImageSet
from xbarpaper.mitigation.batch_norm import BatchNormEstimate, ReestimatedBatchNorm
from xbarpaper.mitigation.parts import Costs, Mitigation
from xbarpaper.networks.inference import arithmetic

if TYPE_CHECKING:  # so that finished rows and resume files outlive a new section
    from xbarpaper.params import Params

_BATCH: Final = 50


@dataclass(frozen=True)
class NormTuning:
    """Tunes every batch norm of a network on its crossbars."""

    statistics: BatchNormEstimate  # what measures them first; its images are those that are tuned on
    epochs: int  # passes over the images
    learning_rate: float  # of Adam; it falls to a twentieth in equal steps

    def digest(self) -> str:
        """A text that differs where the result differs."""
        tuned = f"{self.epochs} epochs, {self.learning_rate!r}, batches of {_BATCH}"
        return f"{self.statistics.digest()}, {tuned}"

    def apply(self, network: nn.Module, software: nn.Module) -> nn.Module:
        """See ``Finish.apply``."""
        images = self.statistics.images
        self.statistics.apply(network, software)
        with torch.inference_mode():
            answers = software.to(images.device).eval()(images).float().log_softmax(1).clone()
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        tuned = [parameter for norm in norms for parameter in (norm.weight, norm.bias)]
        network.requires_grad_(False)
        for parameter in tuned:
            parameter.requires_grad_(True)
        optimiser = torch.optim.Adam(tuned, self.learning_rate)
        steps = self.epochs * -(-len(images) // _BATCH)
        falling = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, steps)
        generator = torch.Generator().manual_seed(0)
        for _ in range(self.epochs):
            for chosen in torch.randperm(len(images), generator=generator).to(images.device).split(_BATCH):
                with arithmetic(images.device, self.statistics.dtype):
                    given = network(images[chosen])
                loss = nn.functional.kl_div(
                    given.float().log_softmax(1), answers[chosen], reduction="batchmean", log_target=True
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                falling.step()
        return network


@dataclass(frozen=True)
class TunedNorms:
    """Shows each chip the images of ``BN`` again and again, without labels."""

    def finish(self, params: Params, images: ImageSet) -> NormTuning:
        """See ``Finishes.finish``."""
        section = params.beyond
        statistics = ReestimatedBatchNorm().finish(params, images)
        return NormTuning(statistics, section.norm_tuning_epochs, section.norm_tuning_learning_rate)

    def costs(self, params: Params, images: int) -> Costs:
        """See ``Part.costs``; counted are different images, as for ``BN``."""
        return ReestimatedBatchNorm().costs(params, images)


NORMS: Final = Mitigation("norms", finishes=TunedNorms())
