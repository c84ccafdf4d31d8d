"""Any of the datasets that the parameters name."""

from __future__ import annotations

from xbarpaper.data.cifar import cifar
from xbarpaper.data.folder import image_folder
from xbarpaper.data.images import ImageSet
from xbarpaper.data.shapes import shapes10
from xbarpaper.params import Cifar, Dataset, Shapes10


def prepare(name: str, settings: Dataset, *, progress: bool = True) -> ImageSet:
    """Draw, decode or download a dataset.

    Args:
        name: its entry in the parameters' datasets.
        settings: that entry.
        progress: show a progress bar on stderr.

    Raises:
        DatasetError: images are missing, damaged or do not fit.
    """
    if isinstance(settings, Shapes10):
        return shapes10(name, settings, progress=progress)
    if isinstance(settings, Cifar):
        return cifar(name, settings)
    return image_folder(name, settings, progress=progress)
