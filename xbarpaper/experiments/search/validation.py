"""Validation images, held out of the training set."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

import torch

from xbarpaper.data import Images, ImageSet
from xbarpaper.support.errors import ParameterError

_SEED: Final = 0  # of the split


def held_out(images: ImageSet, count: int) -> ImageSet:
    """A dataset whose test images are training images, drawn at random, that its training images lack.

    Networks see images normalised as before. The same data gives the same split.

    Raises:
        ParameterError: not as many would be left to train on.
    """
    available = len(images.train)
    if count > available // 2:
        raise ParameterError(
            f"search.validation_images = {count} must be at most {available // 2}, half of the training images of "
            f"{images.name}"
        )
    order = torch.randperm(available, generator=torch.Generator().manual_seed(_SEED))
    validation, rest = (
        Images(images.train.pixels[part], images.train.labels[part])
        for part in (order[:count].sort().values, order[count:].sort().values)
    )
    digest = hashlib.sha256(f"{images.digest} {count} held out".encode()).hexdigest()
    return replace(images, train=rest, test=validation, digest=digest)
