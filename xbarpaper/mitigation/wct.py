"""WCT, Weight-Constrained-Training: a few epochs under a limit on |w|, then the old range (arXiv 2201.05229).

Because the trained network is mapped with the w_max of the network before WCT, its devices use only the lower part of the
conductance range.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from xbarpaper.mitigation.parts import Costs, Mitigation, Start
from xbarpaper.networks.network import Network
from xbarpaper.networks.training import images_shown, train
from xbarpaper.params import Params
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


@dataclass(frozen=True)
class TrainingUnderLimits:
    """Trains on with every weight within the limit of its layer."""

    name: str = "wct"
    for_each_size: bool = False
    has_stage: bool = True

    def behind(self, params: Params) -> dict[str, Any]:
        """See ``Trains.behind``."""
        return {f"wct.{name}": value for name, value in params.wct.model_dump(mode="json").items()}

    def train(self, params: Params, start: Start) -> pd.DataFrame:
        """See ``Trains.train``."""
        settings, run = params.wct, start.run
        limits = limits_of(start.pruned, settings.cut_quantile)
        run = replace(
            run,
            epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            constraints=(*run.constraints, limits),
        )
        return train(start.pruned.network, start.images, run)

    def costs(self, params: Params, images: int) -> Costs:
        """See ``Part.costs``."""
        return Costs(training_images=params.wct.epochs * images_shown(params.train, images))


WCT: Final = Mitigation("WCT", trains=TrainingUnderLimits())
