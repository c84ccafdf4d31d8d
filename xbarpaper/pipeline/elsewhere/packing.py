"""The outs of stages as tar files of limited size, with a manifest that says what they are and where they come from."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from xbarpaper.pipeline.elsewhere.identity import Record, listing
from xbarpaper.pipeline.elsewhere.running import in_force
from xbarpaper.pipeline.elsewhere.stages import Stage, chosen, parameters, read
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.validation import Section

FORMAT: Final = "xbarpaper-handback-1"
MANIFEST: Final = "manifest.json"
FOLDER: Final = Path("handback")
SMALLEST_MIB: Final = 0.03

_TAR: Final = tarfile.GNU_FORMAT
_BLOCK: Final = tarfile.BLOCKSIZE


class Piece(Section):
    """A tar file."""

    name: str
    bytes: int
    sha256: str


class Part(Section):
    """A member of a tar file: a whole file, or the next bytes of one."""

    piece: str
    member: str
    bytes: int


class File(Section):
    """A file of a stage's outs; its parts follow one another."""

    path: str
    stage: str
    bytes: int
    sha256: str
    parts: tuple[Part, ...]


class Manifest(Section):
    """What is handed back. ``digest`` is of all the rest."""

    format: str
    stages: tuple[Record, ...]
    files: tuple[File, ...]
    pieces: tuple[Piece, ...]
    digest: str

    def digest_of_rest(self) -> str:
        """SHA-256 of everything but ``digest``."""
        rest = self.model_dump(mode="json", exclude={"digest"})
        return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def member_name(path: str, number: int, *, alone: bool) -> str:
    """What a part is called in its tar file."""
    return path if alone else f"{path}.part-{number:03d}"


def pack(root: Path, names: Iterable[str], folder: Path | None = None, piece_mib: float = 16.0) -> list[Path]:
    """Put what stages made into ``folder``.

    Args:
        root: the top of the repository.
        names: of stages that ``run`` executed here.
        folder: where to, ``handback`` if not given; an earlier handback in it is replaced.
        piece_mib: largest size of a piece; larger files are split.

    Returns:
        The files written, the manifest last.

    Raises:
        ArtifactError: a stage is unknown or not done, or the folder holds something else or cannot be written.
    """
    folder = root / FOLDER if folder is None else folder
    if not piece_mib >= SMALLEST_MIB:
        raise ArtifactError(f"--piece-mib = {piece_mib:g} must be at least {SMALLEST_MIB:g}")
    wanted = chosen(read(root), names, str(parameters(root).get("profile")))
    records = [_record(root, stage) for stage in wanted]
    _make_room(folder)
    packer = _Packer(folder, int(piece_mib * (1 << 20)))
    packed = []
    try:
        for stage in wanted:
            for out in stage.outs:
                for name in sorted(listing(root, out) or {}):
                    path = f"{out}/{name}" if name else out
                    packed.append(packer.add(root / path, path, stage.name))
        packer.end()
    except OSError as error:
        raise ArtifactError(f"{folder}: cannot be written: {error.strerror or error}") from error
    pieces = tuple(
        Piece(name=path.name, bytes=path.stat().st_size, sha256=files.sha256(path)) for path in packer.paths
    )
    manifest = Manifest(format=FORMAT, stages=tuple(records), files=tuple(packed), pieces=pieces, digest="")
    manifest = manifest.model_copy(update={"digest": manifest.digest_of_rest()})
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True)
    return [*packer.paths, files.write_text(folder / MANIFEST, f"{text}\n")]


def _record(root: Path, stage: Stage) -> Record:
    record = in_force(root, stage)
    if record is None:
        raise ArtifactError(
            f"{stage.name}: has not run here with this code and these parameters; "
            f"`python -m xbarpaper.pipeline.elsewhere run {stage.name}` first"
        )
    return record


def _make_room(folder: Path) -> None:
    """An earlier handback goes, the manifest first: without one, nobody takes leftovers for a whole."""
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    others = [path.name for path in there if path.name != MANIFEST and not path.match("piece-*.tar")]
    if others:
        raise ArtifactError(f"{folder}: holds something else than an earlier handback: {others[0]}")
    try:
        for path in there:  # alphabetical: the manifest comes before the pieces
            path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"{folder}: cannot be written: {error.strerror}") from error


@dataclass
class _Packer:
    """Fills one tar file after another."""

    folder: Path
    limit: int
    paths: list[Path] = field(default_factory=list)
    tar: tarfile.TarFile | None = None

    def add(self, source: Path, path: str, stage: str) -> File:
        """Put in a file, in parts where it does not fit into what is left of a piece."""
        size, parts = source.stat().st_size, list[Part]()
        digest = hashlib.sha256()
        with source.open("rb") as content:
            # A file that fits into a piece of its own is not split.
            alone = size <= self._room(_fresh(self.limit), path)
            if alone and size > self._left(path):
                self._next()
            while not parts or sum(part.bytes for part in parts) < size:
                name = member_name(path, len(parts) + 1, alone=alone)
                if self._left(name) < min(_BLOCK, size):
                    self._next()
                take = min(size - sum(part.bytes for part in parts), self._left(name))
                parts.append(self._put(content, name, take, digest))
        return File(path=path, stage=stage, bytes=size, sha256=digest.hexdigest(), parts=tuple(parts))

    def end(self) -> None:
        """Complete the last piece."""
        if self.tar is not None:
            self.tar.close()
            self.tar = None

    def _put(self, content: BinaryIO, name: str, size: int, digest: Any) -> Part:
        data = content.read(size)
        if len(data) != size:
            raise ArtifactError(f"{name}: changed while it was packed")
        digest.update(data)
        tar = self.tar or self._next()
        tar.addfile(_header(name, size), io.BytesIO(data))
        return Part(piece=self.paths[-1].name, member=name, bytes=size)

    def _next(self) -> tarfile.TarFile:
        self.end()
        self.paths.append(self.folder / f"piece-{len(self.paths) + 1:03d}.tar")
        self.tar = tarfile.open(self.paths[-1], "w", format=_TAR)  # noqa: SIM115
        return self.tar

    def _left(self, name: str) -> int:
        """Bytes that a member of this name may have in the piece at hand."""
        return -1 if self.tar is None else self._room(_fresh(self.limit) - self.tar.offset, name)

    def _room(self, free: int, name: str) -> int:
        return max(-1, (free - len(_header(name, 0).tobuf(_TAR))) // _BLOCK * _BLOCK)


def _fresh(limit: int) -> int:
    """Bytes for members in an empty piece: tar files end in two empty blocks and fill whole records."""
    return limit // tarfile.RECORDSIZE * tarfile.RECORDSIZE - 2 * _BLOCK


def _header(name: str, size: int) -> tarfile.TarInfo:
    """Without times and owners: equal outs give equal pieces."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    return header
