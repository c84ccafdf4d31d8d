"""Bad images: single ones, trees and archives of them, crafted to escape or to mislead, or damaged at random."""

from __future__ import annotations

import gzip
import lzma
import os
import pickle
import random
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from image_files import Files, encoded, header_bomb, member, packed, png_of, write_tree
from PIL import Image

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.params import ImageFolder

from .survival import Case, holding

VARIABLE = "XBARPAPER_FUZZED_IMAGES"
MODES = {"": "w", ".gz": "w:gz", ".xz": "w:xz"}


def picture(value: int = 90, side: int = 32, mode: str = "RGB", kind: str = "PNG", **options: Any) -> bytes:
    """An image of one value."""
    return encoded(Image.new(mode, (side, side), value if mode == "F" else (value,) * 3), kind, **options)


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


def tree(files: Files) -> Callable[[Path], object]:
    """Files as a tree."""
    return lambda folder: write_tree(folder / "images", files)


def archive(content: bytes) -> Callable[[Path], object]:
    """The bytes of an archive."""
    return holding("images.tar", content)


def case(name: str, write: Callable[[Path], object], outcome: Any = "refused", says: str = "") -> Case:
    return Case(f"images: {name}", write, read, outcome, says)


class Trap:
    """Leaves a file behind when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch sprung",)


def archives() -> Iterator[Case]:
    """Archives crafted to escape, to mislead or to fill memory."""
    files = good()
    for name in ("train/../../x.png", "train/a/../../../../sprung", "./../x", "//x", "..", "/", "./."):
        yield case(f"archive, {name}", archive(packed(files | {name: picture()})))
    links, devices = (tarfile.SYMTYPE, tarfile.LNKTYPE), (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    for kind in (*links, *devices, tarfile.CONTTYPE):
        odd = member("train/a/x.png", type=kind, linkname="/etc/passwd")
        outcome = "accepted" if kind in devices else "refused"
        yield case(f"archive, member of type {kind!r}", archive(packed(files, odd)), outcome)
        away = member("../../x", type=kind, linkname="../../../etc/passwd")
        yield case(f"archive, member above of type {kind!r}", archive(packed(files, away)))
    yield case("archive, one after another", archive(packed(files) + packed(files)), "either")
    notes: dict[str, dict[str, str]] = {
        "size": {"size": "-1024"}, "size none": {"size": "x"}, "huge size": {"size": str(1 << 62)},
        "path": {"path": "../up"},
        "path of lines": {"path": "train/a/\n\n"}, "long path": {"path": "a/" * 100_000},
        "nul": {"path": "train/a/\0x"},
        "sparse": {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "x"},
        "sparse huge": {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 60)},
        "sparse map": {"GNU.sparse.map": "x,y,z", "GNU.sparse.size": "10"}, "sparse odd": {"GNU.sparse.size": "x"},
        "sparse back": {"GNU.sparse.map": "-5,10", "GNU.sparse.size": "-10"}, "times": {"mtime": "nan", "uid": "-1"},
        "charset": {"hdrcharset": "BINARY", "path": "train/a/\udcff"}, "empty name": {"path": ""},
    }  # fmt: skip
    for name, headers in notes.items():
        odd = member("train/a/note.png", size=0, pax_headers=headers)
        yield case(f"archive, note: {name}", archive(packed(files, odd)), "either")
    for kind in (b"L", b"K", b"x", b"g"):
        yield case(f"archive, two thousand headers {kind!r}", archive(header_bomb(kind)))
    huge = member("train/a/x", size=1 << 40).tobuf(tarfile.GNU_FORMAT)
    yield case("archive, member of a terabyte", archive(huge))
    less = member("train/a/x", size=-(1 << 20)).tobuf(tarfile.GNU_FORMAT)
    yield case("archive, member of less than nothing", archive(packed(files)[:4096] + less + bytes(1024)))
    bomb = packed(files | {"train/a/x.png": bytes(15 << 20)})
    for name, press in (("gz", gzip.compress), ("xz", lzma.compress)):
        yield case(f"{name} of a thousand times its size", archive(press(bomb)))
        yield case(f"{name} that goes on", archive(press(packed(files) + bytes(40 << 20))), "accepted")
        yield case(f"{name} in itself", archive(press(press(packed(files)))))
    greedy = _greedy(lzma.compress(packed(files), check=lzma.CHECK_NONE))
    yield case("xz that wants much memory", archive(greedy), "either")


def _greedy(content: bytes) -> bytes:
    """An .xz whose first block asks for a dictionary of 4 GiB."""
    changed = bytearray(content)
    size = (changed[12] + 1) * 4
    at = changed.index(b"\x21\x01", 12) + 2
    changed[at] = 40
    struct.pack_into("<I", changed, 12 + size - 4, zlib.crc32(bytes(changed[12 : 12 + size - 4])))
    return bytes(changed)


def pictures() -> Iterator[tuple[str, bytes, Any]]:
    """Single images: a name, the bytes, and what must become of them."""
    for kind in ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP"):
        whole = picture(kind=kind)
        yield f"good {kind}", whole, "accepted"
        yield f"{kind} of 1 pixel", picture(side=1, kind=kind), "refused"
        for cut in (1, 11, len(whole) - 20):
            yield f"{kind} cut to {cut}", whole[:cut], "either"
    for kind, mode in (("TIFF", "RGB"), ("ICO", "RGB"), ("PDF", "RGB"), ("TIFF", "F"), ("EPS", "RGB")):
        yield f"{kind} {mode}", picture(mode=mode, kind=kind), "refused"
    for side in (9_000, 12_000, 65_535, 2**31 - 1):
        yield f"PNG that says {side} pixels", png_of(side), "refused"
    unfolds = zlib.compress(bytes(1 << 26), 9)
    yield "PNG that unfolds a thousandfold", png_of(rows=unfolds), "either"
    yield ("PNG with a text that unfolds a thousandfold", png_of(text=unfolds), "either")
    yield "WebP that says 16383 pixels", _webp_of(16_383), "refused"
    yield "PPM that says much", b"P6 99999999 99999999 255\n" + bytes(100), "refused"
    yield "PPM that says less than nothing", b"P6 -32 -32 255\n" + bytes(3072), "refused"
    yield "PPM of a long number", b"P6 " + b"3" * 100_000, "refused"
    yield "BMP that says much", picture(kind="BMP")[:18] + b"\xff\xff\xff\x7f" * 2 + bytes(100), "refused"
    yield "GIF that says much", b"GIF89a\xff\xff\xff\xff\0\0\0" + bytes(50), "refused"
    yield "SVG", b'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"/>', "refused"
    yield "pickle", pickle.dumps(Trap()), "refused"
    yield "17 MiB", bytes(17 << 20), "refused"


def _webp_of(side: int) -> bytes:
    content = bytearray(picture(kind="WEBP", lossless=True))
    at = content.index(b"VP8L") + 9
    (bits,) = struct.unpack_from("<I", content, at)
    struct.pack_into("<I", content, at, bits >> 28 << 28 | (side - 1) << 14 | side - 1)
    return bytes(content)


def trees() -> Iterator[Case]:
    """Whole trees, each also as an archive of any kind."""
    files = good()
    shapes: dict[str, tuple[Files, Any]] = {
        "good": (files, "accepted"), "good JPEG": (good("JPEG"), "accepted"), "nothing": ({"x/": b""}, "refused"),
        "file as class": (files | {"train/c": b"x"}, "refused"),
        "file as split": ({"train": b"x", "test": b"x"}, "refused"),
        "deep": (files | {f"train/{'a/' * 60}0": b""}, "refused"),
        "beside": (files | {"other/x": b"x", ".git/x": b"x", "train/.x": b"x"}, "accepted"),
        "odd names": ({n.replace("/a/", "/ä\n\x1b[31m '\"$(touch sprung)/"): c for n, c in files.items()},
        "accepted"),
        "odd names, damaged": (files | {"train/a/\x1b[2J\n;touch sprung.png": b""}, "refused"),
        "long names": (files | {f"train/a/{'x' * 250}": b"no image"}, "refused"),
        "hidden class": (files | {"train/.c/0.png": b"x"}, "accepted"),
        "no images": ({name: b"" for name in files}, "refused"), "backslash": (files | {"train\\b\\0.png": b""},
        "accepted"),
        "many classes": (files | {f"train/{n}/": b"" for n in range(200)}, "refused"),
    }  # fmt: skip
    for name, (content, outcome) in shapes.items():
        yield case(f"tree, {name}", tree(content), outcome)
        for suffix, mode in MODES.items():
            yield case(f"archive{suffix}, {name}", archive(packed(content, mode=mode)), outcome)


def links() -> Iterator[Case]:
    """What a tree can hold beside files."""
    start = tree(good())

    def with_(change: Callable[[Path], object]) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            start(folder)
            change(folder / "images/train/a")

        return write

    yield case("tree, link to a secret", with_(lambda at: (at / "x").symlink_to("/etc/passwd")))
    yield case("tree, link to all folders", with_(lambda at: (at / "x").symlink_to("/")))
    yield case("tree, link without end", with_(lambda at: (at / "x").symlink_to("/dev/zero")), "accepted")
    yield case("tree, fifo", with_(lambda at: os.mkfifo(at / "x")), "accepted")
    yield case("tree, a hole of a terabyte", with_(lambda at: os.truncate(_touched(at / "x"), 1 << 40)))
    yield case("tree, bytes as a name", with_(lambda at: open(os.fsencode(at) + b"/\xff\xfe", "wb").close()))
    yield case("fifo", lambda folder: os.mkfifo(folder / "images"))
    yield case("link to itself", lambda folder: (folder / "images").symlink_to("images"))


def _touched(path: Path) -> Path:
    path.touch()
    return path


def damaged(rng: random.Random) -> Case:
    """An archive or a tree with an image in it, cut or with some bytes changed at random."""
    suffix = rng.choice(list(MODES))
    kind = rng.choice(("archive", "header", "image"))
    if kind == "image":
        name = rng.choice(("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP"))
        image = _hurt(rng, picture(rng.randrange(256), kind=name))
        return case(f"{name}, {rng.random()}", tree(good() | {"train/a/x": image}), "either")
    form = rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))
    content = packed(good(), mode=MODES[suffix if kind == "archive" else ""], form=form)
    if kind == "archive":
        reader = read_the_good() if suffix else read  # compressed ones have a checksum
        hurt = archive(_hurt(rng, content))
        return Case(f"images: archive{suffix}, {rng.random()}", hurt, reader, "either")
    start = rng.randrange(3) * 1024  # a header, its image in one block
    changed = bytearray(content)
    for _ in range(rng.randint(1, 12)):
        changed[start + rng.randrange(512)] = rng.choice((*b"\0 ./\x80\xff", rng.randrange(256)))
    if rng.random() < 0.9:  # with a checksum that fits
        changed[start + 148 : start + 156] = b" " * 8
        changed[start + 148 : start + 156] = b"%06o\0 " % sum(changed[start : start + 512])
    return case(f"header, {rng.random()}", archive(bytes(changed)), "either")


def _hurt(rng: random.Random, content: bytes) -> bytes:
    if rng.random() < 0.25:
        return content[: rng.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def cases(count: int, seed: int) -> Iterator[Case]:
    """Crafted ones first, then as many damaged at random as are wanted."""
    rng = random.Random(f"images {seed}")
    crafted = [*trees(), *links(), *archives()]
    for name, content, outcome in pictures():
        crafted.append(case(f"tree, {name}", tree(good() | {"train/a/x": content}), outcome))
    rng.shuffle(crafted)
    yield from crafted[:count]
    for _ in range(count - len(crafted)):
        yield damaged(rng)
