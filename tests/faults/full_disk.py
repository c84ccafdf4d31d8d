"""Disks that are full when a stage writes: small ones of memory, or Btrfs with a quota, mounted where its files go."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from repository import Repository, stages

from xbarpaper.support import files

from . import writers
from .outcomes import Outcome
from .tiny import EXPERIMENT, Reference, last_line

WHAT = (
    "no room, or no quota left, for a checkpoint, table, dataset, journal, resume file, notebook, figure, report or"
    " temporary file"
)
SHARES = (0.0, 0.3, 0.9)  # of a file that still fits
PAGE = 4096


@dataclass(frozen=True)
class Case:
    """A stage that meets a full disk.

    Attributes:
        stage: the stage.
        folder: where the disk is mounted.
        spoilt: a file there that is damaged first, so that the stage writes it anew.
        free: bytes that fit.
        begun: a file that may keep the beginning of what was to be added: whoever reads it leaves that out.
    """

    stage: str
    folder: str
    spoilt: str = ""
    free: int = 0
    begun: str = ""


_TRAIN, _SUMMARIES = f"train@{EXPERIMENT}", "data/summaries/tiny"
_RESUME = f"data/resume/{EXPERIMENT}"
_TRAINING = f"{_RESUME}/01_train/trained-unpruned.safetensors"
CASES: dict[str, Case] = {
    "dataset": Case("data@tiny", "data/datasets"),
    "dataset, half of it fits": Case("data@tiny", "data/datasets", free=50 * PAGE),
    "checkpoint": Case(_TRAIN, f"data/checkpoints/{EXPERIMENT}"),
    "checkpoint, a part of it fits": Case(_TRAIN, f"data/checkpoints/{EXPERIMENT}", free=20 * PAGE),
    "table": Case(_TRAIN, f"data/results/tiny/{EXPERIMENT}/01_train"),
    "resume file": Case(_TRAIN, _RESUME, _TRAINING),
    "resume file, a part of it fits": Case(_TRAIN, _RESUME, _TRAINING, 20 * PAGE),
    "journal": Case(f"evaluate@{EXPERIMENT}", _RESUME, begun="06_evaluate/06_evaluate.csv"),
    "executed notebook": Case("data@tiny", "data/notebooks/tiny/tiny"),
    "executed notebook, a part of it fits": Case("data@tiny", "data/notebooks/tiny/tiny", free=5 * PAGE),
    "figure": Case("figures@tiny", f"{_SUMMARIES}/90_figures"),
    "claims": Case("claims@tiny", f"{_SUMMARIES}/91_claims"),
    "report": Case("publish@tiny", "reports"),
    "report, a part of it fits": Case("publish@tiny", "reports", free=100 * PAGE),
    "all of data/": Case(_TRAIN, "data"),
    "temporary files": Case("data@tiny", "temporary", free=2 * PAGE),
}


def outcomes(reference: Reference, folder: Path) -> Iterator[Outcome]:
    """Every kind of file in a process with a limit, then every case on each kind of disk that root can mount."""
    yield from writers.outcomes(folder / "limited", SHARES)
    if os.geteuid():
        print("full_disk: mounting needs root; only files with a limited size were tried", file=sys.stderr)
        return
    repository = reference.copy(folder / "mounted")
    for disk in DISKS:
        if shutil.which(disk.needs) is None:
            print(f"full_disk: {disk.name} was not tried: {disk.needs} is not installed", file=sys.stderr)
            continue
        for name, case in CASES.items():
            if name not in disk.without:
                yield on_disk(disk, repository, name, case)
    shutil.rmtree(repository.folder / "temporary")
    done = repository.dvc("repro", "--force", "--single-item", _TRAIN)
    yield Outcome.of("room again: the training and its resume file", reference.differences(done, repository))


def on_disk(disk: Disk, repository: Repository, name: str, case: Case) -> Outcome:
    """Run a stage's command with no more room in a folder: one line, exit code 1, all files as they were."""
    folder, temporary = repository.folder / case.folder, repository.folder / "temporary"
    folder.mkdir(exist_ok=True)
    temporary.mkdir(exist_ok=True)
    if case.spoilt:
        files.write_text(repository.folder / case.spoilt, "damaged")
    with _mounted(disk, folder, case.free):
        before = repository.contents(case.folder)
        command = shlex.split(stages(repository.folder)[case.stage].command)
        done = subprocess.run(
            command, cwd=repository.folder, env={**repository.environment, "TMPDIR": str(temporary)},
            capture_output=True, text=True, errors="replace",
        )  # fmt: skip
        after = repository.contents(case.folder)
    last, wrong = last_line(done.stderr), []
    if done.returncode != 1:
        wrong.append(f"exit code {done.returncode}")
    if disk.says not in last or "Traceback" in done.stderr:
        wrong.append(f"no clear line, but {last!r}")
    wrong += [
        f"{path}: left over or changed"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path) and not path.startswith("failed/")
        if path != case.begun or not after.get(path, b"").startswith(before.get(path, b""))
    ]
    return Outcome.of(f"{disk.name}: {name}", wrong, last)


@contextmanager
def _mounted(disk: Disk, folder: Path, free: int) -> Iterator[None]:
    """Mount a disk there that holds what the folder holds, and has so much room left."""
    kept = folder.with_name(f"{folder.name}.kept")
    shutil.copytree(folder, kept)
    try:
        with disk.holding(kept, folder, free):
            yield
    finally:
        shutil.rmtree(kept)


@contextmanager
def _memory(kept: Path, folder: Path, free: int) -> Iterator[None]:
    # Folders and names take room too, so make the disk too large and fill it.
    pages = sum(1 + (-(-path.stat().st_size // PAGE) if path.is_file() else 0) for path in kept.rglob("*"))
    size = pages * PAGE + free + 64 * PAGE
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        left = os.statvfs(folder).f_bavail * PAGE
        (folder / "filler").write_bytes(bytes(left - free))
        yield
    finally:
        _run("umount", str(folder))


@contextmanager
def _quota(kept: Path, folder: Path, free: int) -> Iterator[None]:
    """A Btrfs whose one user may write so much more: the disk itself has room, as ``df`` says too."""
    image = folder.with_name(f"{folder.name}.image")
    with image.open("wb") as file:
        file.truncate(2**30)
    try:
        _run("mkfs.btrfs", "-q", str(image))
        _run("mount", "-o", "loop", str(image), str(folder))
        try:
            shutil.copytree(kept, folder, dirs_exist_ok=True)
            _run("btrfs", "quota", "enable", str(folder))
            _run("btrfs", "quota", "rescan", "-w", str(folder))
            _run("sync", "--file-system", str(folder))
            rows = _run("btrfs", "qgroup", "show", "--raw", str(folder)).split("\n")
            used = next(int(row.split()[1]) for row in rows if row.startswith("0/5"))
            _run("btrfs", "qgroup", "limit", str(used + free), "0/5", str(folder))
            yield
        finally:
            _run("umount", str(folder))
    finally:
        image.unlink()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Disk:
    """A kind of disk without room.

    Attributes:
        name: of the fault.
        says: what the system says of it.
        needs: the program that makes it.
        holding: mounts one that holds a folder's copy, at a folder, with so many bytes left.
        without: cases that it does not have.
    """

    name: str
    says: str
    needs: str
    holding: Callable[[Path, Path, int], AbstractContextManager[None]]
    without: frozenset[str] = frozenset()


DISKS = (
    Disk("full disk", "No space left on device", "mount", _memory),
    # Python looks for a folder of temporary files that it can write, and small ones take no room of their own in Btrfs.
    Disk("full quota", "Disk quota exceeded", "mkfs.btrfs", _quota, frozenset({"temporary files"})),
)
