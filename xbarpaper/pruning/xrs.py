"""XRS, crossbar row sparsity: 1 x ``crossbar_size`` segments of a row within one strip of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from xbarpaper.params import PrunedSchemeName
from xbarpaper.pruning.compaction import Strip, rows_of_column_strips
from xbarpaper.pruning.segments import column_segments


class Xrs:
    """Crossbar row sparsity (arXiv 2201.05229): the segments of lowest L1 norm go first."""

    name: ClassVar[PrunedSchemeName] = "xrs"
    title: ClassVar[str] = "XRS"
    depends_on_crossbar_size: ClassVar[bool] = True
    removes_filters: ClassVar[bool] = False

    def masks(
        self, matrices: Mapping[str, Tensor], prunable: frozenset[str], sparsity: float, crossbar_size: int
    ) -> dict[str, Tensor]:
        """True where a weight stays; see ``Scheme.masks``."""
        return {name: column_segments(matrices[name].T, crossbar_size, sparsity).T for name in prunable}

    def strips(self, mask: Tensor, crossbar_size: int) -> list[Strip]:
        """What T leaves of a layer; see ``mapping.rows_of_column_strips``."""
        return rows_of_column_strips(mask, crossbar_size)
