"""Images in folders: ``train/<class>/*`` and ``test/<class>/*``, as a tree or as a tar archive of one.

An archive is read as a stream: nothing is unpacked to disk, only regular files are read, and names that leave
the archive, oversized members and unusual image formats are refused.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import tarfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self, cast

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from xbarpaper.data.images import Images, ImageSet
from xbarpaper.params import ImageFolder
from xbarpaper.support.errors import DatasetError
from xbarpaper.support.progress import bar

_SPLITS = ("train", "test")
_TOP = PurePosixPath()
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP")
_MEMBER_BYTES = 16 << 20  # far above any image of 32 x 32 pixels
_ARCHIVE_BYTES = 16 << 30
# No memory: a few bytes of .tar.xz can ask for gigabytes.
_ARCHIVE_ERRORS = (
    tarfile.TarError, EOFError, OSError, ValueError, LookupError, RecursionError, lzma.LZMAError, zlib.error, MemoryError,
)  # fmt: skip


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
        for place, content in _folder(path) if path.is_dir() else _archive(path):
            shown.update(contents.add(place, content))
    classes = contents.checked_classes()
    return ImageSet.of(name, settings.title, classes, *(contents.images(split, classes) for split in _SPLITS))


def _path(name: str, settings: ImageFolder) -> Path:
    replacement = os.environ.get(settings.path_environment, "")
    path = Path(replacement or settings.path)
    if path.is_dir() or path.is_file():
        return path
    if path.exists():
        raise DatasetError(f"{path}: must be a folder or an archive, not a device or a pipe")
    if replacement:
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
        self.decoded: dict[str, dict[str, dict[str, bytes]]] = {split: {} for split in _SPLITS}

    def add(self, place: PurePosixPath, content: bytes | None) -> bool:
        """Take in a file, or a folder (no content); passes over hidden ones and what lies beside the splits.

        Returns:
            Whether it was an image.

        Raises:
            DatasetError: it is damaged, of another size, or where no image belongs.
        """
        is_folder = content is None
        self.top.add(place.parts[0] + ("/" if is_folder or len(place.parts) > 1 else ""))
        if place.parts[0] not in _SPLITS or any(part.startswith(".") for part in place.parts):
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
        train, test = (set(self.decoded[split]) for split in _SPLITS)
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


def _folder(root: Path, place: PurePosixPath = _TOP) -> Iterator[tuple[PurePosixPath, bytes | None]]:
    """Files with their content and folders with None, named relative to ``root``."""
    try:
        for entry in sorted((root / place).iterdir()):
            inner = place / entry.name
            in_split = inner.parts[0] in _SPLITS
            if entry.is_dir():
                yield inner, None
                if in_split:
                    yield from _folder(root, inner)
            elif entry.is_file():
                if in_split and entry.stat().st_size > _MEMBER_BYTES:
                    limit = _MEMBER_BYTES >> 20
                    raise DatasetError(
                        f"{root}: {inner} has {entry.stat().st_size >> 20} MiB; at most {limit} are allowed"
                    )
                yield inner, entry.read_bytes() if in_split else b""
    except OSError as error:
        raise DatasetError(f"{error.filename}: cannot be read: {error.strerror}") from error


class _Member(tarfile.TarInfo):
    """Raises where tarfile would quietly stop, go back or read what is too large; notes of tar count as members."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if len(buf) < tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it ends too early")
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if not any(buf):
                raise  # the block that ends an archive
            raise tarfile.ReadError(str(error)) from error
        if not 0 <= member.size <= _MEMBER_BYTES:
            raise tarfile.ReadError(
                f"{member.name} has {member.size >> 20} MiB; at most {_MEMBER_BYTES >> 20} are allowed"
            )
        return member


def _archive(path: Path) -> Iterator[tuple[PurePosixPath, bytes | None]]:
    """Regular files with their content and folders with None, in the archive's order; passes over links."""
    total = 0
    try:
        with _decompressed(path) as stream:
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive:
                for member in archive:
                    place = PurePosixPath(member.name)
                    total += member.size
                    if member.size < 0:
                        raise tarfile.ReadError(f"{member.name} has {member.size} bytes")
                    if not place.parts and not member.isdir():
                        raise DatasetError(f"{path}: refused: a file without a name")
                    if place.is_absolute() or ".." in place.parts:
                        raise DatasetError(f"{path}: refused: {member.name} leaves the archive")
                    if member.size > _MEMBER_BYTES or total > _ARCHIVE_BYTES:
                        limit = f"{_MEMBER_BYTES >> 20} MiB a file and {_ARCHIVE_BYTES >> 30} GiB in all"
                        raise DatasetError(
                            f"{path}: refused: too large at {member.name}; allowed are {limit}"
                        )
                    if member.isdir() and place.parts:
                        yield place, None
                    elif member.isreg():
                        file = archive.extractfile(member)
                        yield place, file.read() if file else b""
            while rest := stream.read(1 << 20):  # to the end, where the checksum of the compression is
                total += len(rest)
                if total > _ARCHIVE_BYTES:
                    raise tarfile.ReadError(f"it goes on for more than {_ARCHIVE_BYTES >> 30} GiB")
    except _ARCHIVE_ERRORS as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path}: damaged, or no .tar, .tar.xz or .tar.gz archive: {reason}") from error


def _decompressed(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\xfd7zXZ\x00"):
        return cast(BinaryIO, lzma.open(path))
    return cast(BinaryIO, gzip.open(path) if start.startswith(b"\x1f\x8b") else path.open("rb"))
