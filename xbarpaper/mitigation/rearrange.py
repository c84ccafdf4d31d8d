"""R, crossbar column rearrangement: columns of like mean conductance share crossbars (arXiv 2201.05229)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from torch import Tensor

from xbarpaper.hardware.mapped import Arrangement, LayerPlan
from xbarpaper.mitigation.parts import Costs, Mitigation
from xbarpaper.params import ColumnOrder, Params
from xbarpaper.pruning.compaction import Strip


def ordered_by_mean_conductance(order: ColumnOrder) -> Arrangement | None:
    """Order the columns of each strip by their mean conductance.

    The two arrays of a differential pair share the order. Their mean conductance is g_min plus a multiple of the mean
    |w|, so |w| decides. The index maps of the tiles undo the order at the outputs: ideal results do not change.

    Args:
        order: ``descending`` puts the heaviest column next to the drivers, ``ascending`` the lightest; ``none`` moves
            nothing.

    Returns:
        The arrangement, or None for ``none``.
    """
    if order == "none":
        return None
    descending = order == "descending"

    def arranged(plan: LayerPlan) -> LayerPlan:
        return replace(plan, strips=tuple(_ordered(strip, plan.matrix, descending) for strip in plan.strips))

    return arranged


def _ordered(strip: Strip, matrix: Tensor, descending: bool) -> Strip:
    mean = matrix[strip.rows[:, None], strip.columns[None, :]].abs().mean(0)
    return Strip(strip.rows, strip.columns[mean.sort(stable=True, descending=descending).indices])


@dataclass(frozen=True)
class ByMeanConductance:
    """Orders columns as the section ``rearrange`` says; it costs nothing."""

    def arrangement(self, params: Params) -> Arrangement | None:
        """See ``Arranges.arrangement``."""
        return ordered_by_mean_conductance(params.rearrange.order)

    def costs(self, params: Params, images: int) -> Costs:
        """See ``Part.costs``."""
        return Costs()


R: Final = Mitigation("R", arranges=ByMeanConductance())
