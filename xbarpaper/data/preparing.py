"""Every kind of dataset, and the function that draws, decodes or downloads it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from xbarpaper.data.cifar import cifar
from xbarpaper.data.folder import image_folder
from xbarpaper.data.images import IMAGE_SHAPE, ImageSet
from xbarpaper.data.shapes import shapes10
from xbarpaper.params import Cifar, Dataset, ImageFolder, Shapes10
from xbarpaper.support import memory
from xbarpaper.support.errors import DatasetError

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
        DatasetError: images are missing, damaged or do not fit, or are too many for the memory.
    """
    if isinstance(settings, Shapes10):  # before an hour of drawing
        require_room(name, settings.train_images + settings.test_images, drawn=False)
    images = LOADERS[type(settings)](name, settings)
    require_room(name, len(images.train) + len(images.test))
    return images


def require_room(name: str, images: int, *, drawn: bool = True) -> None:
    """Refuse a dataset that training could not hold: its bytes, and the same in float32.

    Args:
        name: its entry in the parameters' datasets.
        images: of both splits.
        drawn: whether the bytes are in memory already.

    Raises:
        DatasetError: there is less memory.
    """
    needed = images * math.prod(IMAGE_SHAPE) * (4 if drawn else 5)
    memory.require(
        needed, f"datasets.{name}: training on {images:,} images", "take fewer images", DatasetError
    )
