"""CIFAR-10 and CIFAR-100 in their original files, through torchvision."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch

from xbarpaper.data.images import Images, ImageSet
from xbarpaper.data.torchvision_compat import import_torchvision
from xbarpaper.params import Cifar
from xbarpaper.support.errors import DatasetError

_PATIENCE_SECONDS = 30.0


def cifar(name: str, settings: Cifar) -> ImageSet:
    """Read CIFAR-10 or CIFAR-100, downloading the files first where that is needed and allowed.

    The original files are Python pickles, which can run code when read. So every file is compared with the
    checksum of the official one, and nothing that differs is opened.

    Args:
        name: entry of the parameters' datasets.
        settings: which of the two, where its files are, whether to download them.

    Raises:
        DatasetError: files are missing or are not the official ones and cannot be downloaded.
    """
    datasets = import_torchvision().datasets
    source = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[settings.kind]
    root = Path(settings.root)
    if _problem(source, root):
        _fetch(name, source, root, settings)
    train, test = (source(root, train=is_train, download=False) for is_train in (True, False))
    return ImageSet.of(name, settings.title, train.classes, _images(train), _images(test))


def _images(source: Any) -> Images:
    pixels = torch.from_numpy(source.data).permute(0, 3, 1, 2).contiguous()
    return Images(pixels, torch.tensor(source.targets, dtype=torch.int64))


def _fetch(name: str, source: Any, root: Path, settings: Cifar) -> None:
    """Unpack the official archive, downloaded first if it is not there yet.

    Raises:
        DatasetError: that is not allowed or did not work.
    """
    archive = root / source.filename
    found = _problem(source, root)
    remedy = f"put {source.filename} from {source.url} (MD5 {source.tgz_md5}) into {root}/"
    if not settings.download and (not archive.is_file() or _md5(archive) != source.tgz_md5):
        reason = f"{archive}: not the official file; " if archive.is_file() else ""
        raise DatasetError(f"{reason}{found}; {remedy}, or set datasets.{name}.download = true")
    try:
        with _patience():
            source(root, train=True, download=True)
    except (URLError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{found}; the download failed ({reason}); {remedy}") from error
    if problem := _problem(source, root):
        raise DatasetError(f"{problem} after unpacking {archive}; {remedy}")


def _problem(source: Any, root: Path) -> str | None:
    """The first file that is missing or not the official one, in words."""
    folder = root / source.base_folder
    wanted = [*source.train_list, *source.test_list, [source.meta["filename"], source.meta["md5"]]]
    for file, checksum in wanted:
        path = folder / file
        if not path.is_file():
            return f"{path}: no such file"
        if (found := _md5(path)) != checksum:
            return f"{path}: damaged or not the official file (MD5 {found}, must be {checksum})"
    return None


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@contextmanager
def _patience() -> Iterator[None]:
    """Let connections that never answer fail; torchvision sets no limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
