"""The image files that a dataset is prepared from: what lies in a folder or an archive, and which images they are.

``files`` reads ``train/<class>/*`` and ``test/<class>/*``, as a tree or as a tar archive of one. ``identity`` tells one
set of such files from another, alike for a tree and an archive of it.

An archive is read as a stream: nothing is unpacked to disk, only regular files and links to them are read, and names
and links that leave the archive and oversized members are refused.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import tarfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Self, cast

from xbarpaper.params import ImageFolder
from xbarpaper.support.errors import ArtifactError, DatasetError
from xbarpaper.support.files import write_text

SPLITS: Final = ("train", "test")

_TOP = PurePosixPath()
_DEEPEST = 16  # folders in folders; a class lies in the second
_MOST_LINKS = 40  # links that lead to links, as Linux allows
_MOST_PARTS = 256  # of a path that links lead along
_MEMBER_BYTES = 16 << 20  # far above any image of 32 x 32 pixels
_ARCHIVE_BYTES = 16 << 30
# No memory: a few bytes of .tar.xz can ask for gigabytes.
_ARCHIVE_ERRORS = (
    tarfile.TarError, EOFError, OSError, ValueError, LookupError, RecursionError, lzma.LZMAError, zlib.error, MemoryError,
)  # fmt: skip

Files = Iterator[tuple[PurePosixPath, bytes | None]]


def located(settings: ImageFolder) -> Path:
    """The folder or archive that the parameters or the environment name; it need not be there."""
    return Path(os.path.expanduser(os.environ.get(settings.path_environment) or settings.path))


def files(path: Path) -> Files:
    """Files of a folder or an archive with their content and folders with None, named relative to its top.

    Links count as what they lead to. What lies beside the splits, and hidden files, come without their content.

    Raises:
        DatasetError: something cannot be read, is too large, or leads out of the archive or to nothing.
    """
    return _folder(path) if path.is_dir() else _archive(path)


def is_read(place: PurePosixPath) -> bool:
    """Whether a file or a folder of that name counts: it lies in a split, and is not hidden."""
    return place.parts[0] in SPLITS and not any(part.startswith(".") for part in place.parts)


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
    found = combined(
        {place: _sha256(data) for place, data in files(path) if data is not None and is_read(place)}
    )
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
    seen = [str(path.resolve())]
    try:
        if path.is_dir():
            seen += (
                f"{place}\0{_stamp(entry.stat())}"
                for place, entry, counts in _entries(path)
                if counts and not entry.is_dir()
            )
        else:
            seen.append(_stamp(path.stat()))
    except OSError as error:
        raise _unreadable(error) from error
    return _sha256(_encoded("\0".join(seen)))


def _stamp(found: os.stat_result) -> str:
    """Also the time of the last change of any kind: tools that copy or unpack set that of the content back."""
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _unreadable(error: OSError) -> DatasetError:
    return DatasetError(f"{error.filename}: cannot be read: {error.strerror}")


def _entries(root: Path, place: str = "") -> Iterator[tuple[str, os.DirEntry[str], bool]]:
    """What lies at the top of a folder, and in its splits; whether each counts (``is_read``)."""
    depth = place.count("/")
    if depth > _DEEPEST:
        raise DatasetError(f"{root}: {place} lies too deep; images lie in train/<class>/ and test/<class>/")
    with os.scandir(root / place) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = entry.name
        counts = not name.startswith(".") and (depth > 0 or name in SPLITS)
        yield place + name, entry, counts
        if counts and entry.is_dir():
            yield from _entries(root, f"{place}{name}/")


def _folder(root: Path) -> Files:
    try:
        for name, entry, counts in _entries(root):
            place = PurePosixPath(name)
            if entry.is_dir():
                yield place, None
            elif not counts:
                yield place, b""
            elif entry.is_file():
                if (size := entry.stat().st_size) > _MEMBER_BYTES:
                    limit = _MEMBER_BYTES >> 20
                    raise DatasetError(f"{root}: {place} has {size >> 20} MiB; at most {limit} are allowed")
                yield place, Path(entry.path).read_bytes()
            elif not Path(entry.path).exists():
                raise DatasetError(f"{root}: {place} is a link that leads to nothing")
    except OSError as error:
        raise _unreadable(error) from error


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


def _archive(path: Path) -> Files:
    """In the archive's order; what links lead to comes last, from a second reading."""
    tree = _Tree(path)
    for place, member, content in _members(path):
        if member.isdir():
            tree.add(place)
            yield place, None
        elif member.isreg():
            tree.add(place, is_file=True)
            yield place, content() if is_read(place) else b""
        elif member.issym():
            tree.add(place, leads_to=place.parent / member.linkname)
        elif member.islnk():
            tree.add(place, leads_to=PurePosixPath(member.linkname))
    folders, linked = tree.behind_links()
    yield from ((folder, None) for folder in folders)
    if linked:
        for place, member, content in _members(path):
            if member.isreg() and place in linked:
                read = content()
                yield from ((link, read) for link in linked[place])


def _members(path: Path) -> Iterator[tuple[PurePosixPath, tarfile.TarInfo, Callable[[], bytes]]]:
    """Everything in an archive, in its order, with what reads a regular file's content."""
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
                    if place.parts:
                        yield place, member, partial(_content, path, archive, member)
            while rest := stream.read(1 << 20):  # to the end, where the checksum of the compression is
                total += len(rest)
                if total > _ARCHIVE_BYTES:
                    raise tarfile.ReadError(f"it goes on for more than {_ARCHIVE_BYTES >> 30} GiB")
    except _ARCHIVE_ERRORS as error:
        raise _damaged(path, error) from error


def _content(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    try:
        return cast(BinaryIO, archive.extractfile(member)).read()
    except _ARCHIVE_ERRORS as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> DatasetError:
    reason = " ".join(str(error).split())
    return DatasetError(f"{path}: damaged, or no .tar, .tar.xz or .tar.gz archive: {reason}")


def _decompressed(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        start = file.read(6)
    if start.startswith(b"\xfd7zXZ\x00"):
        return cast(BinaryIO, lzma.open(path))
    return cast(BinaryIO, gzip.open(path) if start.startswith(b"\x1f\x8b") else path.open("rb"))


class _Tree:
    """The names in an archive, to follow its links as a file system would."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = set[PurePosixPath]()
        self._links = dict[PurePosixPath, PurePosixPath]()
        self._inside: dict[PurePosixPath, set[str]] = {_TOP: set()}  # names in each folder

    def add(
        self, place: PurePosixPath, *, is_file: bool = False, leads_to: PurePosixPath | None = None
    ) -> None:
        """Take in a folder, a file, or a link; not what lies too deep for an image."""
        if len(place.parts) > _DEEPEST:
            return
        if leads_to is not None:
            self._links[place] = leads_to
        elif is_file:
            self._files.add(place)
        else:
            self._inside.setdefault(place, set())
        for parent in place.parents:
            self._inside.setdefault(parent, set()).add(place.name)
            place = parent

    def behind_links(self) -> tuple[list[PurePosixPath], dict[PurePosixPath, list[PurePosixPath]]]:
        """The folders that links add to the splits, and the files, by the place where their content lies.

        Raises:
            DatasetError: a link leads out of the archive, to nothing, or in a circle.
        """
        folders, linked = list[PurePosixPath](), defaultdict[PurePosixPath, list[PurePosixPath]](list)
        waiting = [link for link in self._links if is_read(link)]
        ends = {link: self._end(link, link) for link in waiting}
        while waiting:
            place = waiting.pop()
            end = ends[place]
            if end in self._files:
                linked[end].append(place)
            elif end not in self._inside:
                raise self._refused(place, "to nothing")
            elif len(place.parts) > _DEEPEST:
                raise self._refused(place, "too deep")
            else:
                folders.append(place)
                inner = {place / name: end / name for name in self._inside[end] if not name.startswith(".")}
                ends |= {one: self._end(target, one) for one, target in inner.items()}
                waiting += inner
        return folders, linked

    def _end(self, place: PurePosixPath, link: PurePosixPath) -> PurePosixPath:
        """Where a path ends once all links on the way are followed."""
        rest, here, followed = list(reversed(place.parts)), _TOP, 0
        while rest:
            part = rest.pop()
            if len(here.parts) + len(rest) > _MOST_PARTS:
                raise self._refused(link, "too deep")
            if part == "/" or (part == ".." and not here.parts):
                raise self._refused(link, "out of the archive")
            here = here.parent if part == ".." else here / part
            if here in self._links:
                followed += 1
                if followed > _MOST_LINKS:
                    raise self._refused(link, "in a circle")
                rest += reversed(self._links[here].parts)
                here = _TOP
        return here

    def _refused(self, link: PurePosixPath, where: str) -> DatasetError:
        return DatasetError(f"{self._path}: refused: {link} is a link that leads {where}")
