"""XCS, crossbar column sparsity: ``crossbar_size`` x 1 segments of a column within one strip of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from xbarpaper.params import PrunedSchemeName
from xbarpaper.pruning.compaction import Strip, columns_of_row_strips
from xbarpaper.pruning.segments import column_segments


class Xcs:
    """Crossbar column sparsity (arXiv 2201.05229): the segments of lowest L1 norm go first."""

    name: ClassVar[PrunedSchemeName] = "xcs"
    title: ClassVar[str] = "XCS"
    depends_on_crossbar_size: ClassVar[bool] = True
    removes_filters: ClassVar[bool] = False

    def masks(
        self, matrices: Mapping[str, Tensor], prunable: frozenset[str], sparsity: float, crossbar_size: int
    ) -> dict[str, Tensor]:
        """True where a weight stays; see ``Scheme.masks``."""
        return {name: column_segments(matrices[name], crossbar_size, sparsity) for name in prunable}

    def strips(self, mask: Tensor, crossbar_size: int) -> list[Strip]:
        """What T leaves of a layer; see ``mapping.columns_of_row_strips``."""
        return columns_of_row_strips(mask, crossbar_size)
