"""The image files that a dataset is prepared from: what lies in a folder or an archive, and which images they are.

``files`` reads ``train/<class>/*`` and ``test/<class>/*``, as a tree or as a tar archive of one. ``identity`` tells one
set of such files from another, alike for a tree and an archive of it. A single folder around both splits makes no
difference, nor does the Unicode form of a name, nor what file managers and editors leave among images.

Nothing of an archive is unpacked to named files. Names and links that leave it and oversized members are refused.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import posixpath
import tarfile
import tempfile
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, NamedTuple, Self, cast

from xbarpaper.params import ImageFolder
from xbarpaper.support.errors import ArtifactError, DatasetError
from xbarpaper.support.files import write_text

SPLITS: Final = ("train", "test")

_MOST_LINKS: Final = 40  # links that lead to links, as Linux allows
_FILE_BYTES: Final = 16 << 20  # far above any image of 32 x 32 pixels
_ARCHIVE_BYTES: Final = 16 << 30
_IN_MEMORY: Final = 256 << 20  # of an archive once unpacked; what is larger goes to the temporary folder
# No memory: a few bytes of .tar.xz can ask for gigabytes.
_ARCHIVE_ERRORS = (
    tarfile.TarError, EOFError, OSError, ValueError, LookupError, RecursionError, lzma.LZMAError, zlib.error, MemoryError,
)  # fmt: skip
_COMPRESSED: Final[dict[bytes, Callable[[Path], Any]]] = {
    b"\x1f\x8b": gzip.open, b"\xfd7zXZ\0": lzma.open, b"BZh": bz2.open,
}  # fmt: skip
_OTHERS: Final = {b"PK": ".zip", b"7z\xbc\xaf": ".7z", b"Rar!": ".rar", b"\x28\xb5\x2f\xfd": ".zst"}
# Left by Windows, macOS, Synology's disks and Linux; names with a dot in front are hidden anyway.
_LEFT_BEHIND: Final = {
    "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "lost+found", "$recycle.bin",
    "system volume information",
}  # fmt: skip


class _Entry(NamedTuple):
    """A file, or a folder, which has nothing to read; its place begins with the split."""

    place: str
    stamp: str = ""
    read: Callable[[], bytes] | None = None


def located(settings: ImageFolder) -> Path:
    """The folder or archive that the parameters or the environment name; it need not be there."""
    return Path(os.path.expanduser(os.environ.get(settings.path_environment) or settings.path))


def files(path: Path) -> Iterator[tuple[PurePosixPath, bytes | None]]:
    """The images ``<split>/<class>/<name>`` of a folder or an archive, and the classes, without content.

    Links count as what they lead to. Names are in Unicode's composed form.

    Raises:
        DatasetError: a split is missing, or something cannot be read, is too large, is there twice, lies where no image
            belongs, or leads out of the archive or to nothing.
    """
    seen = set[PurePosixPath]()
    try:
        for entry in _folder(path) if path.is_dir() else _archive(path):
            place = PurePosixPath(unicodedata.normalize("NFC", entry.place))
            depth = len(place.parts)
            if entry.read is None:
                if depth == 2:
                    yield place, None
                continue
            if depth != 3:
                where = "not deep enough" if depth < 3 else "too deep"
                raise DatasetError(
                    f"{path}: {place} lies {where}: images lie in {place.parts[0]}/<class>/; move them there"
                )
            if place in seen:
                raise DatasetError(f"{path}: {place} is there twice")
            seen.add(place)
            yield place, entry.read()
    except OSError as error:
        raise _unreadable(path, error) from error


def identity(path: Path, record: Path) -> str:
    """SHA-256 of the names and contents of all files that are read as images.

    Args:
        path: a folder or an archive of images.
        record: file that keeps the identity with the names, sizes and times of the files, so that they need not be read
            again while these stay. Where it is lost or damaged they are.

    Raises:
        DatasetError: as ``files``.
    """
    state = _state(path)
    with suppress(OSError, ValueError):
        kept, found, seal = record.read_text(encoding="ascii").split()
        if kept == state and seal == _sha256(found.encode()):
            return found
    found = combined({place: _sha256(content) for place, content in files(path) if content is not None})
    with suppress(ArtifactError):  # it is only slower without
        write_text(record, f"{state} {found} {_sha256(found.encode())}\n")
    return found


def combined(digests: Mapping[PurePosixPath, str]) -> str:
    """The identity of files by name, each given by the SHA-256 of its content."""
    named = sorted((_encoded(str(place)), digest) for place, digest in digests.items())
    return _sha256(b"".join(b"%s\0%s\0" % (name, digest.encode()) for name, digest in named))


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogateescape")  # names need not be text


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _state(path: Path) -> str:
    """Digest of the names, sizes and times of the files that count."""
    try:
        seen = [str(path.resolve())]
        if path.is_dir():
            seen += (f"{entry.place}\0{entry.stamp}" for entry in _folder(path) if entry.read)
        else:
            seen.append(_stamp(path.stat()))
    except OSError as error:
        raise _unreadable(path, error) from error
    return _sha256(_encoded("\0".join(seen)))


def _stamp(found: os.stat_result) -> str:
    """Also the time of the last change of any kind: tools that copy or unpack set that of the content back."""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _unreadable(path: Path, error: OSError) -> DatasetError:
    return DatasetError(f"{error.filename or path}: cannot be read: {error.strerror or error}")


def _counts(name: str) -> bool:
    """Whether a file or a folder of that name is the user's own: neither hidden nor left by a program."""
    left = name.endswith(("~", ":Zone.Identifier")) or name.lower() in _LEFT_BEHIND
    return not name.startswith(".") and not left


def _enclosing(path: Path, top: Mapping[str, bool]) -> str:
    """The one folder around the splits; none, an empty name, where the splits lie at the top.

    Args:
        path: the folder or archive, for the message.
        top: what lies at its top, and whether each is a folder.

    Raises:
        DatasetError: the splits are not there, nor is there one folder that may hold them.
    """
    folders = [name for name, is_folder in top.items() if is_folder and _counts(name)]
    missing = [split for split in SPLITS if split not in folders]
    if not missing:
        return ""
    if len(missing) == len(SPLITS) and len(folders) == 1:
        return folders[0]
    found = sorted(name + "/" * is_folder for name, is_folder in top.items())
    listed = ", ".join(found[:8]) + (", ..." if len(found) > 8 else "") if found else "nothing"
    raise DatasetError(
        f"{path}: not an image folder: no directory {missing[0]}/ at its top (found: {listed}); images lie in "
        "train/<class>/ and test/<class>/"
    )


def _checked_size(where: str, size: int) -> int:
    if not 0 <= size <= _FILE_BYTES:
        raise DatasetError(f"{where} has {size >> 20} MiB; at most {_FILE_BYTES >> 20} are allowed")
    return size


def _folder(root: Path) -> Iterator[_Entry]:
    here = root
    while inner := _enclosing(root, {entry.name: entry.is_dir() for entry in os.scandir(here)}):
        here /= inner
    for split in SPLITS:
        yield from _inside(here / split, split, root)


def _inside(folder: Path, above: str, root: Path) -> Iterator[_Entry]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        place = f"{above}/{entry.name}"
        if not _counts(entry.name):
            continue
        if entry.is_dir():
            yield _Entry(place)
            yield from _inside(Path(entry.path), place, root)
        elif entry.is_file():
            found = entry.stat()
            _checked_size(f"{root}: {place}", found.st_size)
            yield _Entry(place, _stamp(found), Path(entry.path).read_bytes)
        elif not Path(entry.path).exists():
            raise DatasetError(f"{root}: {place} is a link that leads to nothing")


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
        is_note = member.type not in tarfile.SUPPORTED_TYPES or member.type in b"LKxg"
        if member.size < 0 or (is_note and member.size > _FILE_BYTES):
            raise tarfile.ReadError(f"{member.name} has {member.size} bytes")
        return member


def _archive(path: Path) -> Iterator[_Entry]:
    """In the archive's order, so that it is read once, from its start to its end."""
    try:
        with _plain(path) as stream, tarfile.open(fileobj=stream, mode="r:", tarinfo=_Member) as archive:
            members = _members(path, archive)
            above = ""
            while inner := _enclosing(path, _directly_below(above, members)):
                above += f"{inner}/"
            for name, member in members.items():
                split, *rest = name.removeprefix(above).split("/")
                if name.startswith(above) and split in SPLITS and all(map(_counts, rest)):
                    read = None
                    if not member.isdir():
                        read = partial(_content, path, archive, _behind_links(path, members, name))
                    yield _Entry("/".join((split, *rest)), read=read)
    except _ARCHIVE_ERRORS as error:
        raise _damaged(path, error) from error


def _directly_below(above: str, members: Mapping[str, tarfile.TarInfo]) -> dict[str, bool]:
    """The names in a folder of an archive, and whether each is a folder."""
    names = dict[str, bool]()
    for name, member in members.items():
        if name.startswith(above):
            first, deeper, _ = name.removeprefix(above).partition("/")
            names[first] = names.get(first, False) or bool(deeper) or member.isdir()
    return names


def _members(path: Path, archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Folders, files and links of an archive by name; devices and pipes are passed over."""
    members = dict[str, tarfile.TarInfo]()
    for member in archive:
        name = posixpath.normpath(member.name)
        if name.startswith("/") or ".." in member.name.split("/"):
            raise DatasetError(f"{path}: refused: {member.name} leaves the archive")
        if name == ".":
            if not member.isdir():
                raise DatasetError(f"{path}: refused: a file without a name")
            continue
        if not (member.isdir() or member.isreg() or member.issym() or member.islnk()):
            continue
        if name in members and not member.isdir():
            raise DatasetError(f"{path}: {name} is there twice")
        members[name] = member
    return members


def _behind_links(path: Path, members: Mapping[str, tarfile.TarInfo], name: str) -> tarfile.TarInfo:
    """A file of an archive, or the file that a link leads to."""
    place, member = name, members[name]
    for _ in range(_MOST_LINKS):
        if member.isreg():
            _checked_size(f"{path}: {name}", member.size)
            return member
        above = "" if member.islnk() else posixpath.dirname(place)
        place = posixpath.normpath(posixpath.join(above, member.linkname))
        if place.startswith(("/", "../")) or place == "..":
            raise DatasetError(f"{path}: refused: {name} is a link that leads out of the archive")
        if place not in members or members[place].isdir():
            raise DatasetError(
                f"{path}: {name} is a link to no file of the archive; unpack it and name the folder"
            )
        member = members[place]
    raise DatasetError(f"{path}: refused: {name} is a link that leads in a circle")


def _content(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    try:
        return cast(BinaryIO, archive.extractfile(member)).read()
    except _ARCHIVE_ERRORS as error:
        raise _damaged(path, error) from error


@contextmanager
def _plain(path: Path) -> Iterator[BinaryIO]:
    """An archive without its compression, so that links to what came earlier cost nothing."""
    with path.open("rb") as file:
        start = file.read(6)
        for magic, kind in _OTHERS.items():
            if start.startswith(magic):
                raise DatasetError(f"{path}: is a {kind} archive; unpack it and name the folder")
        opener = next((one for magic, one in _COMPRESSED.items() if start.startswith(magic)), None)
        if opener is None:
            file.seek(0)
            yield file
            return
    total = 0
    with opener(path) as packed, tempfile.SpooledTemporaryFile(_IN_MEMORY) as plain:
        while part := packed.read(1 << 20):
            total += len(part)
            if total > _ARCHIVE_BYTES:
                raise DatasetError(f"{path}: refused: more than {_ARCHIVE_BYTES >> 30} GiB once unpacked")
            try:
                plain.write(part)
            except OSError as error:
                where = tempfile.gettempdir()
                raise DatasetError(f"{path}: cannot be unpacked in {where}: {error.strerror}") from error
        plain.seek(0)
        yield cast(BinaryIO, plain)


def _damaged(path: Path, error: BaseException) -> DatasetError:
    reason = " ".join(str(error).split())
    return DatasetError(f"{path}: damaged, or no .tar, .tar.gz, .tar.bz2 or .tar.xz archive: {reason}")
