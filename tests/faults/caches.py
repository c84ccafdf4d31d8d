"""DVC's cache, and what else can be deleted at any time, deleted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from repository import Repository

from .outcomes import Faults, Outcome, last_line
from .tiny import EXPERIMENT, Reference

WHAT = "DVC's cache, its locks and state, outputs, resume files or the report deleted; then `dvc repro`"


def _delete(*names: str) -> Callable[[Repository], None]:
    def delete(repository: Repository) -> None:
        for name in names:
            path = repository.folder / name
            if not path.exists():
                raise FileNotFoundError(f"{name}: nothing to delete")
            path.unlink() if path.is_file() else shutil.rmtree(path)

    return delete


def _delete_cache_and_commit(repository: Repository) -> None:
    """DVC would run every stage again; ``dvc commit`` puts the outputs that are there into a new cache."""
    _delete(".dvc/cache")(repository)
    repository.dvc("commit", "--force")


CASES: dict[str, Callable[[Repository], None]] = {
    "the cache": _delete(".dvc/cache"),
    "the cache, outputs committed again": _delete_cache_and_commit,
    "the cache of runs": _delete(".dvc/cache/runs"),
    "locks and state of DVC": _delete(".dvc/tmp"),
    "files that runs go on from": _delete("data/resume"),
    "a checkpoint": _delete(f"data/checkpoints/{EXPERIMENT}/unpruned.safetensors"),
    "the report": _delete("reports/tiny"),
    "every output": _delete("data/checkpoints", "data/datasets", "data/notebooks", "data/results", "data/summaries"),
    "the cache and the last stages' outputs": _delete(".dvc/cache", "data/summaries", "reports/tiny"),
}  # fmt: skip


def tasks(reference: Reference, folder: Path) -> Iterator[Faults]:
    """Each deletion in a copy of its own."""
    for name in CASES:
        arguments = (reference, folder / name.replace(" ", "-"), name)
        yield Faults(name, f"deleted: {name}", deleted, arguments)


def deleted(reference: Reference, folder: Path, name: str) -> list[Outcome]:
    """Delete, reproduce, and compare with the undisturbed result."""
    repository = reference.copy(folder)
    CASES[name](repository)
    done = repository.dvc("repro")
    wrong = reference.result.differences(repository) if not done.returncode else [last_line(done.stderr)]
    again = repository.dvc("repro", "--dry")
    if "Running stage" in again.stdout:
        wrong.append("`dvc repro` is not done after it ran")
    ran = done.stdout.count("Running stage '")
    shutil.rmtree(folder)
    return [Outcome(f"deleted: {name}", not wrong, "; ".join(wrong) or f"{ran} stages ran, all identical")]
