"""WCT, Weight-Constrained-Training: a few epochs under a limit on |w|, then the old range (arXiv 2201.05229).

Because the trained network is mapped with the w_max of the network before WCT, its devices use only the lower part of the
conductance range. In rounds it is the recipe of NEAT, as far as it is known: weights are clipped, then trained without a
limit by Adam at a small constant rate, again and again, and clipped at last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pandas as pd
import torch

from xbarpaper.mitigation.parts import Costs, Mitigation, Start
from xbarpaper.networks.network import Network
from xbarpaper.networks.runs import images_shown
from xbarpaper.networks.training import train
from xbarpaper.params import Wct
from xbarpaper.pruning import PrunedNetwork, weight_quantiles

if TYPE_CHECKING:  # so that finished rows and resume files outlive a new section
    from xbarpaper.params import Params

_ROUND_SEEDS: Final = 10_000  # apart: each round sees the images in an order of its own


@dataclass(frozen=True)
class WeightLimits:
    """Keeps the weights within a limit after every step."""

    limits: Mapping[str, float]  # largest |w| allowed, by layer

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
        cut_quantile: between 0 and 1.
    """
    return WeightLimits(weight_quantiles(pruned, cut_quantile))


@dataclass(frozen=True)
class TrainingUnderLimits:
    """Trains on with every weight within the limit of its layer."""

    settings: Wct | None = None  # how; those of the section ``wct`` if not given
    name: str = "wct"  # see ``Trains.name``; each setting that trains otherwise needs its own
    has_stage: bool = True  # see ``Trains.has_stage``
    for_each_size: ClassVar[bool] = False

    def keeps_range(self, params: Params) -> bool:
        """See ``Trains.keeps_range``."""
        return self._settings(params).range == "old"

    def behind(self, params: Params) -> dict[str, Any]:
        """See ``Trains.behind``; the range of the devices changes no weight."""
        values = self._settings(params).model_dump(mode="json", exclude={"range"})
        return {f"wct.{name}": value for name, value in values.items()}

    def train(self, params: Params, start: Start) -> pd.DataFrame:
        """See ``Trains.train``; a killed run in rounds starts anew."""
        settings, network = self._settings(params), start.pruned.network
        limits = limits_of(start.pruned, settings.cut_quantile)
        run = replace(start.run, epochs=settings.epochs, learning_rate=settings.learning_rate)
        if not settings.rounds:
            run = replace(run, constraints=(*run.constraints, limits))
            return train(network, start.images, run)
        history = []
        for number in range(settings.rounds):
            with torch.no_grad():
                limits.apply(network)
            seed = _ROUND_SEEDS * (number + 1) + run.seed
            once = replace(run, seed=seed, optimiser="adam", resume=None, live=None)
            rows = train(network, start.images, once)
            history.append(rows.assign(epoch=rows["epoch"] + number * settings.epochs))
        with torch.no_grad():
            limits.apply(network)
        return pd.concat(history, ignore_index=True)

    def costs(self, params: Params, images: int) -> Costs:
        """See ``Part.costs``."""
        settings = self._settings(params)
        passes = settings.epochs * max(settings.rounds, 1)
        return Costs(training_images=passes * images_shown(params.train, images))

    def _settings(self, params: Params) -> Wct:
        return self.settings or params.wct


WCT: Final = Mitigation("WCT", trains=TrainingUnderLimits())
