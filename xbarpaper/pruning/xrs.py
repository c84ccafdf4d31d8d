"""XRS, crossbar row sparsity: 1 x ``crossbar_size`` segments of a row within one strip of columns."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from xbarpaper.networks.network import Network
from xbarpaper.params import PrunedSchemeName
from xbarpaper.pruning.compaction import Strip, rows_of_column_strips
from xbarpaper.pruning.segments import by_block, column_segments


class Xrs:
    """Crossbar row sparsity (arXiv 2201.05229): the segments of lowest L1 norm go first."""

    name: ClassVar[PrunedSchemeName] = "xrs"
    depends_on_crossbar_size: ClassVar[bool] = True
    removes_filters: ClassVar[bool] = False

    def masks(
        self, network: Network, prunable: frozenset[str], sparsity: float, crossbar_size: int
    ) -> dict[str, Tensor]:
        """See ``Scheme.masks``."""
        return by_block(network, prunable, lambda block: column_segments(block.T, crossbar_size, sparsity).T)

    def strips(self, mask: Tensor, crossbar_size: int) -> list[Strip]:
        """See ``compaction.rows_of_column_strips``."""
        return rows_of_column_strips(mask, crossbar_size)
