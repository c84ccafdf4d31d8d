"""Disks that are full when a stage writes: small ones of memory, mounted where the stage's files go."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from repository import Repository, stages

from . import writers
from .outcomes import Faults, Outcome, collected
from .tiny import EXPERIMENT, Reference

WHAT = "no room for a checkpoint, table, dataset, journal, resume file, notebook, figure, report or temporary file"
SHARES = (0.0, 0.3, 0.9)  # of a file that still fits
PAGE = 4096
_FILLER = "filler"
_FULL = "No space left on device"


@dataclass(frozen=True)
class Case:
    """A stage that meets a full disk.

    Attributes:
        stage: the stage.
        folder: where the disk is mounted.
        spoilt: a file there that is damaged first, so that the stage writes it anew.
        free: bytes that fit.
    """

    stage: str
    folder: str
    spoilt: str = ""
    free: int = 0


_TRAIN, _SUMMARIES = f"train@{EXPERIMENT}", "data/summaries/tiny"
_RESUME = f"data/resume/{EXPERIMENT}"
CASES: dict[str, Case] = {
    "dataset": Case("data@tiny", "data/datasets"),
    "dataset, half of it fits": Case("data@tiny", "data/datasets", free=50 * PAGE),
    "checkpoint": Case(_TRAIN, f"data/checkpoints/{EXPERIMENT}"),
    "checkpoint, a part of it fits": Case(_TRAIN, f"data/checkpoints/{EXPERIMENT}", free=20 * PAGE),
    "table": Case(_TRAIN, f"data/results/tiny/{EXPERIMENT}/01_train"),
    "resume file": Case(_TRAIN, _RESUME, f"{_RESUME}/trained-unpruned.safetensors"),
    "resume file, a part of it fits": Case(_TRAIN, _RESUME, f"{_RESUME}/trained-unpruned.safetensors", 20 * PAGE),
    "journal": Case(f"evaluate@{EXPERIMENT}", _RESUME, f"{_RESUME}/06_evaluate.csv"),
    "executed notebook": Case("data@tiny", "data/notebooks/tiny/tiny"),
    "executed notebook, a part of it fits": Case("data@tiny", "data/notebooks/tiny/tiny", free=5 * PAGE),
    "figure": Case("figures@tiny", f"{_SUMMARIES}/90_figures"),
    "claims": Case("claims@tiny", f"{_SUMMARIES}/91_claims"),
    "report": Case("publish@tiny", "reports"),
    "report, a part of it fits": Case("publish@tiny", "reports", free=100 * PAGE),
    "all of data/": Case(_TRAIN, "data"),
    "temporary files": Case("data@tiny", "temporary", free=2 * PAGE),
}


def tasks(reference: Reference, folder: Path) -> Iterator[Faults]:
    """Every kind of file in a process with a limit, then every case on a full disk where this user may mount one."""
    yield Faults("limited", "files with a limited size", collected, (writers.outcomes, folder / "limited", SHARES))
    if os.geteuid():
        print("full_disk: mounting needs root; only files with a limited size were tried", file=sys.stderr)
        return
    yield Faults("mounted", "full disks", collected, (mounted, reference, folder / "mounted"))


def mounted(reference: Reference, folder: Path) -> Iterator[Outcome]:
    """Every case on a full disk, and what happens when there is room again."""
    repository = reference.copy(folder)
    for name, case in CASES.items():
        yield on_full_disk(repository, name, case)
    yield _afterwards(repository, reference)


def on_full_disk(repository: Repository, name: str, case: Case) -> Outcome:
    """Run a stage's command with no more room in a folder: one line, exit code 1, all files as they were."""
    folder = repository.folder / case.folder
    folder.mkdir(exist_ok=True)
    if case.spoilt:
        (repository.folder / case.spoilt).write_bytes(b"damaged")
    environment = {**repository.environment, "TMPDIR": str(repository.folder / "temporary")}
    (repository.folder / "temporary").mkdir(exist_ok=True)
    with _full(folder, case.free):
        before = _contents(folder)
        command = shlex.split(stages(repository.folder)[case.stage].command)
        done = subprocess.run(
            command, cwd=repository.folder, env=environment, capture_output=True, text=True, errors="replace"
        )
        after = _contents(folder)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    wrong = []
    if done.returncode != 1:
        wrong.append(f"exit code {done.returncode}")
    if _FULL not in last or "Traceback" in done.stderr:
        wrong.append(f"no clear line, but {last!r}")
    wrong += [
        f"{path}: left over or changed"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path) and not path.startswith("failed/")
    ]
    return Outcome(f"full disk: {name}", not wrong, "; ".join(wrong) or last)


def _afterwards(repository: Repository, reference: Reference) -> Outcome:
    """With room again everything is made as if nothing had been."""
    shutil.rmtree(repository.folder / "temporary")
    done = repository.dvc("repro", "--force", "--single-item", _TRAIN)
    wrong = reference.result.differences(repository) if not done.returncode else [done.stderr.strip()[-300:]]
    return Outcome("room again: the training and its resume file", not wrong, "; ".join(wrong))


@contextmanager
def _full(folder: Path, free: int) -> Iterator[None]:
    """Mount a disk of memory there that holds what the folder holds, and has so much room left."""
    kept = folder.with_name(f"{folder.name}.kept")
    shutil.copytree(folder, kept)
    # Folders and names take room too, so make the disk too large and fill it.
    size = sum(_pages(path) for path in kept.rglob("*")) * PAGE + free + 64 * PAGE
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        left = os.statvfs(folder).f_bavail * PAGE
        (folder / _FILLER).write_bytes(bytes(left - free))
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        shutil.rmtree(kept)


def _pages(path: Path) -> int:
    return 1 + (-(-path.stat().st_size // PAGE) if path.is_file() else 0)


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _FILLER
    }
