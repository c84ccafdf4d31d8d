"""Images in folders: ``train/<class>/*`` and ``test/<class>/*``, as a tree or as a tar archive of one.

An image counts as a viewer shows it: upright, a palette's colours, black and white as 0 and 255. What has no such reading
in 8 bits per channel is refused, and so are images of another size.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from xbarpaper.data import sources
from xbarpaper.data.images import Images, ImageSet
from xbarpaper.data.sources import SPLITS
from xbarpaper.params import ImageFolder
from xbarpaper.support.errors import DatasetError
from xbarpaper.support.progress import bar

_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP")
Decoded = dict[str, dict[str, bytes]]
"""Class -> name of the file -> rows of red, green and blue bytes."""


def image_folder(name: str, settings: ImageFolder) -> ImageSet:
    """Decode a folder or an archive of images. Both give the same: images sorted by class and name.

    Args:
        name: entry of the parameters' datasets.
        settings: where the images are, what size they have, how many there must be.

    Raises:
        DatasetError: the path is missing or no image folder, or an image is missing, damaged or of another size.
    """
    path = _path(name, settings)
    side = settings.image_pixels
    decoded: dict[str, Decoded] = {split: {} for split in SPLITS}
    digests = dict[PurePosixPath, str]()
    # A picture of a hundred million pixels is refused by its size, without a warning.
    with (
        bar(name, unit="image") as shown,
        warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning),
    ):
        for place, content in sources.files(path):
            split, group, *rest = place.parts
            images = decoded[split].setdefault(group, {})
            if content is not None:
                digests[place] = hashlib.sha256(content).hexdigest()
                images[rest[0]] = _decode(content, f"{path}: {place}", side)
                shown.update()
    classes = _classes(path, decoded)
    train, test = (_images(decoded[split], classes, side) for split in SPLITS)
    for split, found, wanted in (
        ("train", train, settings.train_images),
        ("test", test, settings.test_images),
    ):
        if wanted and len(found) != wanted:
            raise DatasetError(
                f"{path}: {split}/ holds {len(found)} images and datasets.{name}.{split}_images says {wanted}"
            )
    return ImageSet.of(name, settings.title, classes, train, test, source=sources.combined(digests))


def _path(name: str, settings: ImageFolder) -> Path:
    path = sources.located(settings)
    if path.is_dir() or path.is_file():
        return path
    if path.exists():
        raise DatasetError(f"{path}: must be a folder or an archive, not a device or a pipe")
    if os.environ.get(settings.path_environment):
        raise DatasetError(
            f"{path}: no such folder or archive; the environment variable {settings.path_environment} "
            f"names it in place of datasets.{name}.path = {settings.path}"
        )
    raise DatasetError(
        f"{path}: no such folder or archive; put the images there, or name another place in "
        f"datasets.{name}.path or in the environment variable {settings.path_environment}"
    )


def _classes(path: Path, decoded: dict[str, Decoded]) -> tuple[str, ...]:
    """Names of the classes, sorted.

    Raises:
        DatasetError: a class has no images, the splits differ, or there is only one class.
    """
    for split, groups in decoded.items():
        for name in sorted(groups):
            if not groups[name]:
                raise DatasetError(f"{path}: {split}/{name}/ holds no images; at least 1 is needed")
    train, test = (set(decoded[split]) for split in SPLITS)
    for more, less, only in (("train", "test", train - test), ("test", "train", test - train)):
        if only:
            raise DatasetError(
                f"{path}: {more}/ has the class {min(only)} and {less}/ has not; both must have the same classes"
            )
    if len(train) < 2:
        names = ", ".join(train) or "none"
        raise DatasetError(f"{path}: {len(train)} class ({names}); at least 2 are needed")
    return tuple(sorted(train))


def _images(decoded: Decoded, classes: tuple[str, ...], side: int) -> Images:
    """The images of a split, sorted by class and name."""
    ordered = [pixels for name in classes for _, pixels in sorted(decoded[name].items())]
    counts = torch.tensor([len(decoded[name]) for name in classes])
    joined = np.frombuffer(bytearray().join(ordered), dtype=np.uint8).reshape(-1, side, side, 3)
    pixels = torch.from_numpy(joined).permute(0, 3, 1, 2).contiguous()
    return Images(pixels, torch.arange(len(classes)).repeat_interleave(counts))


def _decode(content: bytes, where: str, side: int) -> bytes:
    """Decode an image to rows of red, green and blue bytes.

    Raises:
        DatasetError: it is damaged, or of a format, a size or a kind that has no plain reading.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            problem = _problem(image, side)
            if not problem:
                ImageOps.exif_transpose(image, in_place=True)
                if image.has_transparency_data and image.convert("RGBA").getextrema()[-1] != (255, 255):
                    problem = "it has transparent pixels; put it on a background"
                rgb = image.convert("RGB").tobytes()
    except UnidentifiedImageError:
        raise DatasetError(f"{where}: not an image, or damaged (allowed: {', '.join(_FORMATS)})") from None
    except Exception as error:  # decoders raise errors of many kinds at damaged bytes
        raise DatasetError(f"{where}: damaged image: {' '.join(str(error).split())}") from error
    if problem:
        raise DatasetError(f"{where}: {problem}")
    return rgb


def _problem(image: ImageFile, side: int) -> str:
    """Why an image cannot be taken, and what to do; empty where it can be."""
    if image.size != (side, side):
        return f"it has {image.width} x {image.height} pixels and must have {side} x {side}"
    if getattr(image, "is_animated", False):
        return "it has several pictures, one after another; keep one"
    deep = image.mode[0] in "IF"
    for decoder, _, _, arguments in image.tile:
        form, *rest = arguments if isinstance(arguments, tuple) else (arguments,)
        # Pillow would cut 16 bits of colour to 8 without a word.
        deep |= str(form).endswith(";16B") or (decoder.startswith("ppm") and rest[0] > 255)
    return "it has more than 8 bits per channel; convert it to 8" if deep else ""
