"""AC/DC: masks that come and go within one training (Peste et al., arXiv 2106.12379)."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from xbarpaper.networks.matrix import matrix_of
from xbarpaper.networks.network import Network
from xbarpaper.networks.runs import HeldMask
from xbarpaper.params import Prune
from xbarpaper.pruning.pruned import PrunedNetwork, compact, masks_of
from xbarpaper.pruning.scheme import Scheme


@dataclass
class AcDc:
    """Compressed and dense phases in turn; a ``runs.Schedule`` for any pruning scheme.

    As a compressed phase begins the scheme chooses masks, which then hold. As a dense one begins all weights are free:
    the pruned ones come back at zero, and the training forgets its momentum. That gradients are masked too makes no
    difference: a pruned weight is zero after every step, and its momentum is forgotten before it counts again.
    """

    scheme: Scheme  # what lives or dies together
    settings: Prune  # which layers may lose weights
    sparsity: float  # fraction of the weights removed from them in a compressed phase
    crossbar_size: int  # rows and columns of the crossbars that the result is for
    # epochs, from 0, as which a phase begins: a compressed one, a dense one, and so on
    changes: tuple[int, ...]
    # see ``runs.Schedule``; in the shape of the weights
    masks: dict[str, Tensor] = field(default_factory=dict)

    def begin(self, epoch: int, network: Network) -> bool:
        """See ``runs.Schedule.begin``."""
        if epoch not in self.changes:
            return False
        self.masks = {}
        if self.changes.index(epoch) % 2 == 0:
            chosen = masks_of(network, self.scheme, self.settings, self.sparsity, self.crossbar_size)
            self.masks = PrunedNetwork(network, chosen).weight_masks()
        return True

    def apply(self, network: Network) -> None:
        """Set the pruned weights to zero."""
        HeldMask(self.masks).apply(network)

    def digest(self) -> str:
        """A text that differs where the schedule, its layers or its sparsity differ."""
        layers = f"{self.settings.first_convolution} {self.settings.classifier}"
        return f"{self.scheme.name} {layers} {self.sparsity!r} {self.crossbar_size} {self.changes}"

    def pruned(self, network: Network) -> PrunedNetwork:
        """What a training that ended compressed gave; smaller where the scheme removes filters."""
        places = network.placements()
        masks = {name: places[name].embed(matrix_of(mask)) for name, mask in self.masks.items()}
        return compact(PrunedNetwork(network, masks), self.scheme)
