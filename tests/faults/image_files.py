"""Trees and archives of images for tests of bad ones, and how they are read."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.params import ImageFolder

from .survival import Case

VARIABLE = "XBARPAPER_FUZZED_IMAGES"
MODES = {"": "w", ".gz": "w:gz", ".xz": "w:xz"}

Files = dict[str, bytes]


def picture(value: int = 90, side: int = 32, mode: str = "RGB", kind: str = "PNG", **options: Any) -> bytes:
    """An image of one value."""
    buffer = io.BytesIO()
    bands = len(Image.new(mode, (1, 1)).getbands())
    Image.new(mode, (side, side), value if bands == 1 else (value,) * bands).save(buffer, kind, **options)
    return buffer.getvalue()


def good(kind: str = "PNG") -> Files:
    """Two classes in both splits."""
    names = (
        f"{split}/{name}/{n}.{kind.lower()}" for split in ("train", "test") for name in "ab" for n in (0, 1)
    )
    return {name: picture(20 * n, kind=kind) for n, name in enumerate(names)}


def read(folder: Path) -> ImageSet:
    """Prepare the dataset; what was accepted must be images as networks take them."""
    path = next(one for one in sorted(folder.iterdir()) if one.name.startswith("images"))
    settings = ImageFolder(
        kind="image_folder", path=str(path), path_environment=VARIABLE, description="fuzzed", image_pixels=32
    )
    images = data.prepare("fuzzed", settings)
    for split in (images.train, images.test):
        assert split.pixels.shape[1:] == (3, 32, 32)
        assert 0 <= int(split.labels.min()) <= int(split.labels.max()) < len(images.classes)
    assert list(images.classes) == sorted(set(images.classes))
    assert len(data.normalised(images.test, images, "cpu")) == len(images.test)
    return images


@cache
def read_the_good() -> Callable[[Path], None]:
    """What reads a dataset that must be that of the good files, to the bit."""
    with TemporaryDirectory() as folder:
        tree(good())(Path(folder))
        digest = read(Path(folder)).digest

    def check(folder: Path) -> None:
        assert read(folder).digest == digest

    return check


def tree(files: Files) -> Callable[[Path], None]:
    """Files as a tree."""

    def write(folder: Path) -> None:
        for name, content in files.items():
            path = folder / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(exist_ok=True) if name.endswith("/") else path.write_bytes(content)

    return write


def packed(files: Files, *others: tarfile.TarInfo, suffix: str = "", pax: bool = True) -> bytes:
    """Files as an archive, with other members after them."""
    buffer = io.BytesIO()
    form = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=buffer, mode=MODES[suffix], format=form) as made:
        for name, content in files.items():
            made.addfile(member(name, size=len(content)), io.BytesIO(content))
        for other in others:
            made.addfile(other, io.BytesIO(bytes(other.size)) if other.size else None)
    return buffer.getvalue()


def member(name: str, **values: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for attribute, value in values.items():
        setattr(made, attribute, value)
    return made


def archive(content: bytes) -> Callable[[Path], object]:
    """The bytes of an archive."""
    return lambda folder: (folder / "images.tar").write_bytes(content)


def case(name: str, write: Callable[[Path], object], outcome: Any = "refused", says: str = "") -> Case:
    return Case(f"images: {name}", write, read, outcome, says)


class Trap:
    """Leaves a file behind when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch sprung",)
