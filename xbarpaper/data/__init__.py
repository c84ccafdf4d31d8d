"""Datasets: drawn, decoded or downloaded once, then kept as tensors.

``prepare`` makes any of the datasets that the parameters name, ``save`` and ``load`` keep it in one file,
``normalised``, ``take`` and ``augment`` feed it to a network on its own device.
"""

from xbarpaper.data.augment import augment, normalised, take
from xbarpaper.data.images import Images, ImageSet, load, save
from xbarpaper.data.preparing import prepare

__all__ = ["ImageSet", "Images", "augment", "load", "normalised", "prepare", "save", "take"]
