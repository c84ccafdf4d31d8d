"""WCT, Weight-Constrained-Training: a few epochs under a limit on |w|, then the old range (arXiv 2201.05229).

Because the trained network is mapped with the w_max of the network before WCT, its devices use only the lower part of the
conductance range.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from xbarpaper.networks.network import Network
from xbarpaper.pruning import PrunedNetwork, weight_quantiles


@dataclass(frozen=True)
class WeightLimits:
    """Keeps the weights within a limit after every step.

    Attributes:
        limits: largest |w| allowed, by layer.
    """

    limits: Mapping[str, float]

    def apply(self, network: Network) -> None:
        """Clamp the weights, in place."""
        for name, weight in network.weights().items():
            weight.clamp_(-self.limits[name], self.limits[name])

    def digest(self) -> str:
        """The limits as text."""
        return json.dumps(dict(self.limits), sort_keys=True)


def limits_of(pruned: PrunedNetwork, cut_quantile: float) -> WeightLimits:
    """The limit w_cut of each layer: a quantile of |w| over the weights that pruning left.

    Args:
        pruned: the trained network.
        cut_quantile: between 0 and 1.
    """
    return WeightLimits(weight_quantiles(pruned, cut_quantile))
