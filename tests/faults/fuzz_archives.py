"""Archives of images that are crafted to escape, to mislead or to fill memory."""

from __future__ import annotations

import gzip
import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator

from .image_files import archive, case, good, member, packed, picture
from .survival import Case


def archives() -> Iterator[Case]:
    """Archives crafted to escape, to mislead or to fill memory."""
    files = good()
    for name in (
        "../train/a/x.png", "/train/a/x.png", "train/../../x.png", "train/a/../../../../sprung", "./../x", "//x",
        "..", "/",
    ):  # fmt: skip
        yield case(f"archive, {name}", archive(packed(files | {name: picture()})))
    for name in ("", ".", "./", "./."):
        yield case(f"archive, file called {name!r}", archive(packed(files | {name: b"x"})))
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
        header = member("n", type=kind, size=10).tobuf(tarfile.GNU_FORMAT) + b"9 path=x\n\0".ljust(512, b"\0")
        yield case(f"archive, two thousand headers {kind!r}", archive(header * 2000), "refused")
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
    starts = (b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh91AY&SY", b"PK\3\4" + bytes(99))
    for content in (b"", b"\0", bytes(512), bytes(10240), *starts):
        yield case(f"archive of {len(content)} bytes {content[:3]!r}", archive(content))


def _greedy(content: bytes) -> bytes:
    """An .xz whose first block asks for a dictionary of 4 GiB."""
    changed = bytearray(content)
    size = (changed[12] + 1) * 4
    at = changed.index(b"\x21\x01", 12) + 2
    changed[at] = 40
    struct.pack_into("<I", changed, 12 + size - 4, zlib.crc32(bytes(changed[12 : 12 + size - 4])))
    return bytes(changed)
