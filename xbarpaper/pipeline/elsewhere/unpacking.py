"""Taking back what stages made elsewhere: all of it is checked before anything changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from xbarpaper.data.tar_files import DAMAGES, StrictMember
from xbarpaper.pipeline.elsewhere.identity import (
    RECORDS,
    Listing,
    Record,
    difference,
    digest_of,
    json_of,
    listing,
    params_of,
)
from xbarpaper.pipeline.elsewhere.packing import FORMAT, MANIFEST, File, Manifest, member_name
from xbarpaper.pipeline.elsewhere.stages import Stage, chosen, inside, parameters, read
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.validation import parse

_BLOCK_BYTES = 1 << 20


def unpack(root: Path, folder: Path) -> list[Record]:
    """Put what stages made elsewhere in place.

    Args:
        root: the top of the repository.
        folder: the manifest and its pieces, as ``pack`` wrote them.

    Returns:
        A record for each stage, in the order of their dependencies.

    Raises:
        ArtifactError: a piece is missing or damaged, a file is none of those that the stages make, or the stages ran with
            another command, other parameters or other inputs than those here. Nothing is written then.
    """
    manifest = _manifest(folder)
    stages = read(root)
    names = [record.stage for record in manifest.stages]
    profile = str(parameters(root).get("profile"))
    wanted = chosen(stages, names, profile)
    if sorted(stage.name for stage in wanted) != sorted(names):
        raise ArtifactError(f"{MANIFEST}: the stages {', '.join(names)} are not single stages of dvc.yaml")
    records = {record.stage: record for record in manifest.stages}
    for stage in wanted:
        _check_recipe(root, stage, records[stage.name])
    _check_files(manifest, {stage.name: stage for stage in wanted})
    _check_pieces(manifest, folder)
    with _staging(root) as staging:
        _extract(manifest, folder, staging)
        _check_contents(staging, wanted, records)
        for stage in wanted:
            _check_inputs(root, staging, stage, records[stage.name], wanted)
        _put_in_place(root, staging, [out for stage in wanted for out in stage.outs])
    for record in records.values():
        record.write(root)
    return [records[stage.name] for stage in wanted]


def _manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not os.path.isfile(path):  # Path.is_file raises where a name is too long
        raise ArtifactError(f"{path}: no such file; bring back all that `pack` wrote")
    tree = json_of(path)
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise ArtifactError(f"{path}: not the manifest of a handback ({FORMAT})")
    manifest = parse(_with_tuples(tree), str(path), Manifest)
    if manifest.digest != manifest.digest_of_rest():
        raise ArtifactError(f"{path}: damaged: its digest is not that of what it says")
    return manifest


def _with_tuples(tree: Mapping[str, object]) -> dict[str, object]:
    """JSON gives lists; the sections are frozen and hold tuples."""
    made = {name: tuple(value) if isinstance(value, list) else value for name, value in tree.items()}
    files = made.get("files")
    if isinstance(files, tuple):
        made["files"] = tuple(_with_tuples(one) if isinstance(one, dict) else one for one in files)
    return made


def _check_recipe(root: Path, stage: Stage, record: Record) -> None:
    if found := difference(stage, record, params_of(root, stage)):
        raise ArtifactError(found)
    for kind, here, there in (("deps", stage.deps, record.deps), ("outs", stage.outs, record.outs)):
        if odd := sorted(set(here) ^ set(there)):
            raise ArtifactError(f"{stage.name}: {odd[0]} is among its {kind} only {_side(odd[0] in there)}")


def _side(there: bool) -> str:
    return "where it ran" if there else "here"


def _check_files(manifest: Manifest, stages: Mapping[str, Stage]) -> None:
    """Every path is plain, leads into an out of its stage, and comes once; every part is called as ``pack`` does."""
    seen: set[str] = set()
    pieces = {piece.name for piece in manifest.pieces}
    for name in pieces:
        if PurePosixPath(name).name != name or "\\" in name:
            raise ArtifactError(f"{MANIFEST}: {name} is not the name of a piece")
    for file in manifest.files:
        _check_path(file, stages)
        if file.path in seen:
            raise ArtifactError(f"{MANIFEST}: {file.path} comes twice")
        seen.add(file.path)
        for number, part in enumerate(file.parts, start=1):
            if part.member != member_name(file.path, number, alone=len(file.parts) == 1):
                raise ArtifactError(f"{MANIFEST}: {part.member} is not a part of {file.path}")
            if part.piece not in pieces:
                raise ArtifactError(
                    f"{MANIFEST}: {part.piece}, with {file.path} in it, is not among its pieces"
                )
        if sum(part.bytes for part in file.parts) != file.bytes:
            raise ArtifactError(f"{MANIFEST}: the parts of {file.path} do not add up to it")


def _check_path(file: File, stages: Mapping[str, Stage]) -> None:
    path = PurePosixPath(file.path)
    plain = (
        str(path) == file.path and not path.is_absolute() and ".." not in path.parts and "\\" not in file.path
    )
    stage = stages.get(file.stage)
    if not plain or stage is None or not any(inside(file.path, out) for out in stage.outs):
        raise ArtifactError(f"{MANIFEST}: {file.path} is not in the outs of {file.stage}")


def _check_pieces(manifest: Manifest, folder: Path) -> None:
    for piece in manifest.pieces:
        path = folder / piece.name
        if not path.is_file():
            there = sum((folder / one.name).is_file() for one in manifest.pieces)
            raise ArtifactError(f"{path}: missing ({there} of {len(manifest.pieces)} pieces are there)")
        if path.stat().st_size != piece.bytes or files.sha256(path) != piece.sha256:
            raise ArtifactError(f"{path}: damaged: not the piece that was packed (SHA-256)")


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """A folder on the disk of the outs that is gone afterwards, with what is in it."""
    try:
        (root / RECORDS).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=root / RECORDS) as folder:
            yield Path(folder)
    except OSError as error:
        raise ArtifactError(f"{RECORDS}: cannot be written: {error.strerror or error}") from error


def _extract(manifest: Manifest, folder: Path, staging: Path) -> None:
    """Write every file below ``staging / "new"``, from members that are plain files and nothing else."""
    expected: dict[str, dict[str, int]] = {piece.name: {} for piece in manifest.pieces}
    for file in manifest.files:
        for part in file.parts:
            expected[part.piece][part.member] = part.bytes
    for name, members in expected.items():
        _check_members(folder / name, members)
    for file in manifest.files:
        target = staging / "new" / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with target.open("wb") as written:
            for part in file.parts:
                with tarfile.open(folder / part.piece, "r:") as tar:
                    content = tar.extractfile(part.member)
                    while content is not None and (block := content.read(_BLOCK_BYTES)):
                        digest.update(block)
                        written.write(block)
        if digest.hexdigest() != file.sha256:
            raise ArtifactError(f"{file.path}: damaged: not the file that was packed (SHA-256)")


def _check_members(path: Path, expected: Mapping[str, int]) -> None:
    found: set[str] = set()
    try:
        with tarfile.open(path, "r:", tarinfo=StrictMember) as tar:
            for member in tar:
                if not member.isreg() or expected.get(member.name) != member.size or member.name in found:
                    raise ArtifactError(f"{path}: {member.name} is not what the manifest says is in it")
                found.add(member.name)
    except DAMAGES as error:
        raise ArtifactError(f"{path}: not a tar file: {error}") from None
    if missing := sorted(set(expected) - found):
        raise ArtifactError(f"{path}: {missing[0]} is missing in it")


def _check_contents(staging: Path, stages: list[Stage], records: Mapping[str, Record]) -> None:
    for stage in stages:
        for out in stage.outs:
            found = listing(staging / "new", out)
            if found is None or digest_of(found) != records[stage.name].outs[out]:
                raise ArtifactError(
                    f"{MANIFEST}: {out} is not whole: its digest is not that of {stage.name}'s record"
                )


def _check_inputs(root: Path, staging: Path, stage: Stage, record: Record, stages: list[Stage]) -> None:
    for dep in stage.deps:
        found = _as_it_will_be(root, staging / "new", dep, [out for one in stages for out in one.outs])
        if found is None:
            raise ArtifactError(
                f"{stage.name}: its input {dep} is neither here nor among what was handed back"
            )
        if digest_of(found) != record.deps[dep]:
            raise ArtifactError(
                f"{stage.name}: ran with another {dep} (MD5 {record.deps[dep][:12]}, here {digest_of(found)[:12]})"
            )


def _as_it_will_be(root: Path, new: Path, dep: str, outs: list[str]) -> Listing | None:
    """The files of an input once the outs are in place: the new ones instead of those that are here."""
    if any(inside(dep, out) for out in outs):
        return listing(new, dep)
    here, handed = listing(root, dep), listing(new, dep)
    if here is None or handed is None:
        return here if handed is None else handed
    replaced = [out for out in outs if inside(out, dep)]
    kept = {
        name: md5 for name, md5 in here.items() if not any(inside(f"{dep}/{name}", out) for out in replaced)
    }
    return kept | handed


def _put_in_place(root: Path, staging: Path, outs: list[str]) -> None:
    """Exchange all outs by renaming, or none."""
    done: list[str] = []
    try:
        for out in outs:
            target, old = root / out, staging / "old" / out
            target.parent.mkdir(parents=True, exist_ok=True)
            old.parent.mkdir(parents=True, exist_ok=True)
            done.append(out)
            if target.exists() or target.is_symlink():
                target.rename(old)
            (staging / "new" / out).rename(target)
    except OSError as error:
        for out in reversed(done):
            _give_back(root / out, staging / "old" / out, staging / "new" / out)
        raise ArtifactError(f"{done[-1]}: cannot be written: {error.strerror or error}") from error


def _give_back(target: Path, old: Path, new: Path) -> None:
    if new.exists():  # this one had not been exchanged
        if old.exists() or old.is_symlink():
            old.rename(target)
        return
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    if old.exists() or old.is_symlink():
        old.rename(target)
