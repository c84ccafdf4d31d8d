"""Image files, and trees and archives of them, as people and attackers make them."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

Files = dict[str, bytes]
"""Contents by name; a name that ends with a slash and has none is a folder."""


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of(
    side: int = 32,
    depth: int = 8,
    colour: int = 2,
    rows: bytes = zlib.compress(bytes(32 * 97)),
    text: bytes = b"",
) -> bytes:
    """What the PNG standard allows and Pillow does not write; ``rows`` and ``text`` are compressed."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    noted = chunk(b"zTXt", b"note\0\0" + text) if text else b""
    return b"\x89PNG\r\n\x1a\n" + head + noted + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def write_tree(root: Path, files: Files) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True) if name.endswith("/") else path.write_bytes(content)
    return root


def member(name: str, **values: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for attribute, value in values.items():
        setattr(made, attribute, value)
    return made


def packed(files: Files, *others: tarfile.TarInfo, mode: str = "w", form: int = tarfile.PAX_FORMAT) -> bytes:
    """Files as an archive, with other members after them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:
        for name, content in files.items():
            folder = name.endswith("/") and not content
            one = member(name, type=tarfile.DIRTYPE if folder else tarfile.REGTYPE, size=len(content))
            archive.addfile(one, io.BytesIO(content))
        for other in others:
            archive.addfile(other, io.BytesIO(bytes(other.size)) if other.size else None)
    return buffer.getvalue()


def header_bomb(kind: bytes) -> bytes:
    """Thousands of headers, each of which says that it belongs to the next."""
    return (
        member("n", type=kind, size=10).tobuf(tarfile.GNU_FORMAT) + b"9 path=x\n".ljust(512, b"\0")
    ) * 2000
