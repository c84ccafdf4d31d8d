"""XCS, crossbar column sparsity: ``crossbar_size`` x 1 segments of a column within one strip of rows."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from xbarpaper.networks.network import Network
from xbarpaper.params import PrunedSchemeName
from xbarpaper.pruning.compaction import Strip, columns_of_row_strips
from xbarpaper.pruning.segments import by_block, column_segments


class Xcs:
    """Crossbar column sparsity (arXiv 2201.05229): the segments of lowest L1 norm go first."""

    name: ClassVar[PrunedSchemeName] = "xcs"
    depends_on_crossbar_size: ClassVar[bool] = True
    removes_filters: ClassVar[bool] = False

    def masks(
        self, network: Network, prunable: frozenset[str], sparsity: float, crossbar_size: int
    ) -> dict[str, Tensor]:
        """See ``Scheme.masks``."""
        return by_block(network, prunable, lambda block: column_segments(block, crossbar_size, sparsity))

    def strips(self, mask: Tensor, crossbar_size: int) -> list[Strip]:
        """See ``compaction.columns_of_row_strips``."""
        return columns_of_row_strips(mask, crossbar_size)
