"""Images in folders: ``train/<class>/*`` and ``test/<class>/*``, as a tree or as a tar archive of one.

Unusual image formats are refused, and images of another size.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from xbarpaper.data import sources
from xbarpaper.data.images import Images, ImageSet
from xbarpaper.data.sources import SPLITS
from xbarpaper.params import ImageFolder
from xbarpaper.support.errors import DatasetError
from xbarpaper.support.progress import bar

_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP")


def image_folder(name: str, settings: ImageFolder) -> ImageSet:
    """Decode a folder or an archive of images. Both give the same: images sorted by class and name.

    Args:
        name: entry of the parameters' datasets.
        settings: where the images are and what size they have.

    Raises:
        DatasetError: the path is missing or no image folder, or an image is damaged or of another size.
    """
    path = _path(name, settings)
    contents = _Contents(path, settings.image_pixels)
    with bar(name, unit="image") as shown:
        for place, content in sources.files(path):
            shown.update(contents.add(place, content))
    classes = contents.checked_classes()
    train, test = (contents.images(split, classes) for split in SPLITS)
    source = sources.combined(contents.digests)
    return ImageSet.of(name, settings.title, classes, train, test, source=source)


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


class _Contents:
    """What a folder or an archive holds, image by image, whatever their order."""

    def __init__(self, path: Path, image_pixels: int) -> None:
        self.path = path
        self.image_pixels = image_pixels
        self.top: set[str] = set()
        self.digests: dict[PurePosixPath, str] = {}  # of the files
        self.decoded: dict[str, dict[str, dict[str, bytes]]] = {split: {} for split in SPLITS}

    def add(self, place: PurePosixPath, content: bytes | None) -> bool:
        """Take in a file, or a folder (no content); passes over hidden ones and what lies beside the splits.

        Returns:
            Whether it was an image.

        Raises:
            DatasetError: it is damaged, of another size, or where no image belongs.
        """
        is_folder = content is None
        self.top.add(place.parts[0] + ("/" if is_folder or len(place.parts) > 1 else ""))
        if not sources.is_read(place):
            return False
        split, *rest = place.parts
        if content is None:
            if len(rest) == 1:
                self.decoded[split].setdefault(rest[0], {})
            return False
        if len(rest) != 2:
            raise DatasetError(f"{self.path}: {place} must lie in {split}/<class>/, not above and not deeper")
        images = self.decoded[split].setdefault(rest[0], {})
        if rest[1] in images:
            raise DatasetError(f"{self.path}: {place} is there twice")
        self.digests[place] = hashlib.sha256(content).hexdigest()
        images[rest[1]] = _decode(content, f"{self.path}: {place}", self.image_pixels)
        return True

    def checked_classes(self) -> tuple[str, ...]:
        """Names of the classes, sorted.

        Raises:
            DatasetError: a split or a class has no images, the splits differ, or there is only one class.
        """
        for split, classes in self.decoded.items():
            if f"{split}/" not in self.top:
                found = sorted(self.top)
                listed = ", ".join(found[:8]) + (", ..." if len(found) > 8 else "") if found else "nothing"
                raise DatasetError(
                    f"{self.path}: not an image folder: no directory {split}/ at its top (found: {listed})"
                )
            for name in sorted(classes):
                if not classes[name]:
                    raise DatasetError(f"{self.path}: {split}/{name}/ holds no images; at least 1 is needed")
        train, test = (set(self.decoded[split]) for split in SPLITS)
        for more, less, only in (("train", "test", train - test), ("test", "train", test - train)):
            if only:
                raise DatasetError(
                    f"{self.path}: {more}/ has the class {min(only)} and {less}/ has not; "
                    "both must have the same classes"
                )
        if len(train) < 2:
            names = ", ".join(train) or "none"
            raise DatasetError(f"{self.path}: {len(train)} class ({names}); at least 2 are needed")
        return tuple(sorted(train))

    def images(self, split: str, classes: tuple[str, ...]) -> Images:
        """The images of a split, sorted by class and name."""
        ordered = [
            (label, pixels)
            for label, name in enumerate(classes)
            for _, pixels in sorted(self.decoded[split][name].items())
        ]
        joined = np.frombuffer(bytearray().join(pixels for _, pixels in ordered), dtype=np.uint8)
        shape = (len(ordered), self.image_pixels, self.image_pixels, 3)
        pixels = torch.from_numpy(joined.reshape(shape)).permute(0, 3, 1, 2).contiguous()
        return Images(pixels, torch.tensor([label for label, _ in ordered], dtype=torch.int64))


def _decode(content: bytes, where: str, side: int) -> bytes:
    """Decode an image to rows of red, green and blue bytes.

    Raises:
        DatasetError: it is damaged, of another format or of another size.
    """
    try:
        with (
            warnings.catch_warnings(
                action="ignore", category=Image.DecompressionBombWarning
            ),  # refused below
            Image.open(io.BytesIO(content), formats=_FORMATS) as image,
        ):
            size, mode = image.size, image.mode
            rgb = image.convert("RGB").tobytes() if size == (side, side) else b""
    except UnidentifiedImageError:
        raise DatasetError(f"{where}: not an image, or damaged (allowed: {', '.join(_FORMATS)})") from None
    except Exception as error:  # decoders raise errors of many kinds at damaged bytes
        raise DatasetError(f"{where}: damaged image: {' '.join(str(error).split())}") from error
    if size != (side, side):
        raise DatasetError(f"{where}: it has {size[0]} x {size[1]} pixels and must have {side} x {side}")
    if mode.startswith(("I", "F")):
        raise DatasetError(f"{where}: it has pixels of mode {mode} and must have 8 bits per channel")
    return rgb
