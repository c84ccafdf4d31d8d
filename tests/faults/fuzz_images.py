"""Bad images: single ones, trees and archives of them, crafted or damaged at random."""

from __future__ import annotations

import os
import pickle
import random
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .fuzz_archives import archives
from .fuzz_cifar import originals
from .image_files import (
    MODES,
    Files,
    Trap,
    archive,
    case,
    good,
    member,
    packed,
    picture,
    read,
    read_the_good,
    tree,
)
from .survival import Case


def pictures() -> Iterator[tuple[str, bytes, Any]]:
    """Single images: a name, the bytes, and what must become of them."""
    for kind in ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP"):
        whole = picture(kind=kind)
        yield f"good {kind}", whole, "accepted"
        yield f"{kind} of 33 pixels", picture(side=33, kind=kind), "refused"
        yield f"{kind} of 1 pixel", picture(side=1, kind=kind), "refused"
        for cut in (0, 1, 4, 11, 25, len(whole) // 2, len(whole) - 20):
            yield f"{kind} cut to {cut}", whole[:cut], "either"
    for mode in ("1", "L", "P"):
        yield f"PNG {mode}", picture(1, mode=mode), "accepted"
    for mode in ("LA", "RGBA"):
        yield f"PNG {mode}, opaque", picture(255, mode=mode), "accepted"
        yield f"PNG {mode}, transparent", picture(1, mode=mode), "refused"
    for mode in ("L", "CMYK", "YCbCr"):
        yield f"JPEG {mode}", picture(mode=mode, kind="JPEG"), "accepted"
    yield "PNG of 16 bits", picture(900, mode="I;16"), "refused"
    for kind, mode in (("TIFF", "RGB"), ("ICO", "RGB"), ("PDF", "RGB"), ("TIFF", "F"), ("EPS", "RGB")):
        yield f"{kind} {mode}", picture(mode=mode, kind=kind), "refused"
    for side in (9_000, 12_000, 65_535, 2**31 - 1):
        yield f"PNG that says {side} pixels", _png_of(side), "refused"
    yield "PNG that unfolds a thousandfold", _png_of(32, zlib.compress(bytes(1 << 26), 9)), "either"
    yield (
        "PNG with a text that unfolds a thousandfold",
        _png_of(32, text=zlib.compress(bytes(1 << 26), 9)),
        "either",
    )
    yield "WebP that says 16383 pixels", _webp_of(16_383), "refused"
    yield "PPM that says much", b"P6 99999999 99999999 255\n" + bytes(100), "refused"
    yield "PPM that says less than nothing", b"P6 -32 -32 255\n" + bytes(3072), "refused"
    yield "PPM of a long number", b"P6 " + b"3" * 100_000, "refused"
    yield "BMP that says much", picture(kind="BMP")[:18] + b"\xff\xff\xff\x7f" * 2 + bytes(100), "refused"
    yield "GIF that says much", b"GIF89a\xff\xff\xff\xff\0\0\0" + bytes(50), "refused"
    yield "text", b"hello", "refused"
    yield "SVG", b'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"/>', "refused"
    yield "pickle", pickle.dumps(Trap()), "refused"
    yield "zeros", bytes(5000), "refused"
    yield "17 MiB", bytes(17 << 20), "refused"


def _png_of(side: int, body: bytes = b"", text: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    noted = chunk(b"zTXt", b"note\0\0" + text) if text else b""
    rows = body or zlib.compress(bytes(32 * 97))
    return b"\x89PNG\r\n\x1a\n" + head + noted + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _webp_of(side: int) -> bytes:
    content = bytearray(picture(kind="WEBP", lossless=True))
    at = content.index(b"VP8L") + 9
    (bits,) = struct.unpack_from("<I", content, at)
    struct.pack_into("<I", content, at, bits >> 28 << 28 | (side - 1) << 14 | side - 1)
    return bytes(content)


def trees() -> Iterator[Case]:
    """Whole trees, each also as an archive of any kind."""
    files = good()
    first = "train/a/0.png"
    without = {name: content for name, content in files.items() if not name.startswith("test/b")}
    shapes: dict[str, tuple[Files, Any]] = {
        "good": (files, "accepted"), "good JPEG": (good("JPEG"), "accepted"), "nothing": ({"x/": b""}, "refused"),
        "class only in train": (without, "refused"), "class only in test": (files | {"test/c/0.png": picture()},
        "refused"),
        "empty class": (files | {"train/c/": b""}, "refused"), "file as class": (files | {"train/c": b"x"},
        "refused"),
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
        "first damaged": (files | {first: files[first][:50]}, "refused"),
    }  # fmt: skip
    for name, (content, outcome) in shapes.items():
        yield case(f"tree, {name}", tree(content), outcome)
        for suffix in MODES:
            kept = {one: inner for one, inner in content.items() if not one.endswith("/")}
            folders = [member(one, type=tarfile.DIRTYPE) for one in content if one.endswith("/")]
            yield case(f"archive{suffix}, {name}", archive(packed(kept, *folders, suffix=suffix)), outcome)


def links() -> Iterator[Case]:
    """What a tree can hold beside files."""
    start = tree(good())

    def with_(change: Callable[[Path], object]) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            start(folder)
            change(folder / "images/train/a")

        return write

    yield case("tree, link to a secret", with_(lambda at: (at / "x").symlink_to("/etc/passwd")))
    yield case("tree, link to itself", with_(lambda at: (at / "x").symlink_to("x")))
    yield case("tree, link to its folder", with_(lambda at: (at / "x").symlink_to(".")))
    yield case("tree, link to all folders", with_(lambda at: (at / "x").symlink_to("/")))
    yield case("tree, link to nothing", with_(lambda at: (at / "x").symlink_to("none")))
    yield case("tree, link without end", with_(lambda at: (at / "x").symlink_to("/dev/zero")), "accepted")
    yield case("tree, fifo", with_(lambda at: os.mkfifo(at / "x")), "accepted")
    yield case("tree, hard link", with_(lambda at: os.link(at / "0.png", at / "x.png")), "accepted")
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
    content = packed(good(), pax=rng.random() < 0.5, suffix=suffix if kind == "archive" else "")
    if kind == "archive":
        reader = read_the_good() if suffix else read  # compressed ones have a checksum
        hurt = archive(_hurt(rng, content))
        return Case(f"images: archive{suffix}, {rng.random()}", hurt, reader, "either")
    start = rng.randrange(3) * 1024  # a header, its image in one block
    changed = bytearray(content)
    for _ in range(rng.randint(1, 12)):
        changed[start + rng.randrange(512)] = rng.choice(
            (0, 0x20, 0x2E, 0x2F, 0x80, 0xFF, rng.randrange(256))
        )
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
    crafted += [*originals(rng, "cifar10"), *originals(rng, "cifar100")]
    rng.shuffle(crafted)
    yield from crafted[:count]
    for _ in range(count - len(crafted)):
        yield damaged(rng)
