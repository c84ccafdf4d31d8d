"""Every kind of dataset, and the function that draws, decodes or downloads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from xbarpaper.data.cifar import cifar
from xbarpaper.data.folder import image_folder
from xbarpaper.data.images import ImageSet
from xbarpaper.data.shapes import shapes10
from xbarpaper.params import Cifar, Dataset, ImageFolder, Shapes10

LOADERS: Final[dict[type[Dataset], Callable[[str, Any], ImageSet]]] = {
    Shapes10: shapes10,
    Cifar: cifar,
    ImageFolder: image_folder,
}
"""Section of the parameters -> what makes such a dataset, from its name and its section."""


def prepare(name: str, settings: Dataset) -> ImageSet:
    """Draw, decode or download a dataset. Progress is shown on stderr.

    Args:
        name: its entry in the parameters' datasets.
        settings: that entry.

    Raises:
        DatasetError: images are missing, damaged or do not fit.
    """
    return LOADERS[type(settings)](name, settings)
