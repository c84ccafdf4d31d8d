"""What every pruning scheme offers."""

from __future__ import annotations

from typing import ClassVar, Protocol

from torch import Tensor

from xbarpaper.networks.network import Network
from xbarpaper.params import PrunedSchemeName
from xbarpaper.pruning.compaction import Strip


class Scheme(Protocol):
    """Says which weights stay, and how T, the compaction, packs what is left onto crossbars."""

    name: ClassVar[PrunedSchemeName]  # name in the parameters
    depends_on_crossbar_size: ClassVar[bool]  # whether another crossbar size asks for another network
    removes_filters: ClassVar[bool]  # whether whole channels go, so that the network becomes smaller

    def masks(
        self, network: Network, prunable: frozenset[str], sparsity: float, crossbar_size: int
    ) -> dict[str, Tensor]:
        """Choose the weights that stay.

        Args:
            network: a network with all its channels.
            sparsity: fraction of the weights to remove from them, at least 0 and below 1.
            crossbar_size: rows and columns of the crossbars that the result is for.

        Returns:
            True where a weight stays, by layer, in original coordinates; layers not named keep everything.
        """
        ...

    def strips(self, mask: Tensor, crossbar_size: int) -> list[Strip]:
        """T: the dense blocks that are left of a layer's mask, shape (rows, columns)."""
        ...
