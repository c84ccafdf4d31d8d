"""R, crossbar column rearrangement: columns of like weight share crossbars (arXiv 2201.05229).

The paper sorts by mean conductance. What else R could mean is a setting of the section ``rearrange``: the key that
columns are sorted by, their order on a crossbar, whether like columns share crossbars or are dealt over them, what is
sorted as one, and whether each sign of the weights has an order, and each crossbar a range, of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from xbarpaper.hardware.circuit import Parasitics, effective_conductance
from xbarpaper.hardware.conductances import DifferentialPair, conductances, weights_of
from xbarpaper.hardware.mapped import Arrangement, LayerPlan
from xbarpaper.hardware.readout import gain_factors
from xbarpaper.mitigation.parts import Costs, Mitigation
from xbarpaper.params import Devices, Gain, Params, Rearrange
from xbarpaper.pruning.compaction import Strip

Errors = Callable[[LayerPlan], Tensor]
"""Squared error of each weight of a layer once it comes back from its crossbars, shape of the matrix."""


def columns_ordered(settings: Rearrange, errors: Errors | None = None) -> Arrangement:
    """Order the columns of a layer as the settings say.

    The two arrays of a differential pair share the order unless the settings say otherwise. The index maps of the tiles
    undo it at the outputs: ideal results do not change. A column's mean conductance is g_min plus a multiple of its mean
    |w|, so |w| decides.

    Args:
        errors: predicted errors, for the key of that name.

    Raises:
        ValueError: the key is the predicted error, and there are none.
    """
    measures = _MEASURES if errors is None else _MEASURES | {"error": errors}
    if settings.key not in measures:
        raise ValueError("rearrange.key = error needs predicted errors")

    def arranged(plan: LayerPlan) -> LayerPlan:
        if settings.order != "none":
            measure = measures[settings.key](plan)
            signs = {"strips": measure}
            if settings.arrays == "signs":
                positive = plan.matrix > 0
                signs = {"strips": measure * positive, "minus_strips": measure * ~positive}
            ordered = {name: tuple(_ordered(plan, one, settings)) for name, one in signs.items()}
            plan = replace(plan, **ordered)  # type: ignore[arg-type]
        return plan if settings.range == "layer" else replace(plan, w_max=_own_ranges(plan))

    return arranged


def squared_errors(devices: Devices, parasitics: Parasitics, gain: Gain) -> Errors:
    """Squared errors of the weights, on nominal devices, with the circuits of the crossbars solved exactly."""

    def errors(plan: LayerPlan) -> Tensor:
        tiles, pair = plan.tiles(), conductances(plan.matrix, devices, plan.w_max)
        weights, G = tiles.tile(plan.matrix), torch.stack([tiles.tile(pair.plus), tiles.tile(pair.minus)])
        G_eff = effective_conductance(G, parasitics)
        w_max = tiles.tile(plan.w_max) if isinstance(plan.w_max, Tensor) else plan.w_max
        effective = weights_of(DifferentialPair(G_eff[0], G_eff[1]), devices, w_max)
        calibrated = effective * gain_factors(weights, effective, gain)
        return tiles.untile((calibrated - weights).double().square())

    return errors


_MEASURES: Final[dict[str, Callable[[LayerPlan], Tensor]]] = {
    "mean": lambda plan: plan.matrix.abs(),
    "maximum": lambda plan: plan.matrix.abs(),
    "square": lambda plan: plan.matrix.square(),
}


def _ordered(plan: LayerPlan, measure: Tensor, settings: Rearrange) -> Iterator[Strip]:
    every_row = torch.arange(len(measure))
    for strip in plan.strips:
        parts = strip.rows.split(plan.crossbar_size) if settings.scope == "crossbar" else [strip.rows]
        for rows in parts:
            seen_rows = every_row if settings.scope == "layer" else rows
            seen = measure[seen_rows[:, None], strip.columns[None, :]]
            key = seen.amax(0) if settings.key == "maximum" else seen.mean(0)
            sort = key.sort(stable=True, descending=settings.order != "ascending")
            yield Strip(rows, _placed(strip.columns[sort.indices], plan.crossbar_size, settings))


def _placed(columns: Tensor, size: int, settings: Rearrange) -> Tensor:
    """Sorted columns in the order in which they go onto crossbars of ``size`` columns."""
    chunks = list(columns.split(size))
    if settings.grouping == "spread":
        # Each crossbar takes every rank evenly, as many columns as it would have held.
        turns = sorted(((n + 0.5) / len(one), at) for at, one in enumerate(chunks) for n in range(len(one)))
        owners = torch.tensor([at for _, at in turns])
        chunks = [columns[owners == at] for at in range(len(chunks))]
    if settings.order == "centre":
        chunks = [chunk[_from_centre(len(chunk))] for chunk in chunks]
    return torch.cat(chunks)


def _from_centre(count: int) -> Tensor:
    """Ranks at each of so many places, the lowest in the middle."""
    places = sorted(range(count), key=lambda place: (abs(place - (count - 1) / 2), place))
    return torch.tensor(places).argsort()


def _own_ranges(plan: LayerPlan) -> Tensor:
    """The largest |w| of the crossbar that holds a weight, shape of the matrix; that of the layer where it holds none."""
    tiles = plan.tiles()
    largest = tiles.tile(plan.matrix).abs().amax((1, 2), keepdim=True)
    own = tiles.untile(largest.expand(-1, tiles.size, tiles.size))
    return own.where(own > 0, torch.as_tensor(plan.w_max, dtype=own.dtype))


@dataclass(frozen=True)
class Rearranged:
    """Orders columns; it costs nothing but the solution that predicts errors, where they are the key."""

    settings: Rearrange | None = None  # how; those of the section ``rearrange`` if not given

    def arrangement(self, params: Params) -> Arrangement | None:
        """See ``Arranges.arrangement``."""
        settings = self.settings or params.rearrange
        if settings.order == "none" and settings.range == "layer":
            return None
        return columns_ordered(settings, squared_errors(params.devices, params.circuit, params.readout.gain))

    def costs(self, params: Params, images: int) -> Costs:
        """See ``Part.costs``."""
        settings = self.settings or params.rearrange
        return Costs(circuit_solutions=int(settings.key == "error" and settings.order != "none"))


R: Final = Mitigation("R", arranges=Rearranged())
