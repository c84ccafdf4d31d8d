"""Networks: their description, VGG and ResNet, and training."""

from xbarpaper.networks.matrix import Placement, matrix_of, weight_of
from xbarpaper.networks.network import Architecture, Network, WeightedLayer, with_channels
from xbarpaper.networks.registry import NETWORKS, build, outline

__all__ = [
    "NETWORKS", "Architecture", "Network", "Placement", "WeightedLayer", "build", "matrix_of", "outline",
    "weight_of", "with_channels",
]  # fmt: skip
