"""Files truncated, exchanged or with a bit changed: in the workspace, in DVC's cache, and where runs go on from."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
from repository import Repository
from repository import stages as stages_of

from xbarpaper.data import ImageSet
from xbarpaper.experiments.journal import Journal
from xbarpaper.networks import Architecture, build, training
from xbarpaper.networks.digests import tensor_digest
from xbarpaper.support import inputs
from xbarpaper.support.errors import ArtifactError

from . import writers
from .outcomes import Faults, Outcome, collected, last_line, lock
from .tiny import EXPERIMENT, Reference

Damage = Callable[[bytes, random.Random], bytes]


def flipped(content: bytes, generator: random.Random) -> bytes:
    """One bit changed."""
    changed = bytearray(content)
    changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
    return bytes(changed)


def truncated(content: bytes, generator: random.Random) -> bytes:
    """The end lost."""
    return content[: generator.randrange(len(content))]


DAMAGES: dict[str, Damage] = {"a bit flipped": flipped, "truncated": truncated}


def put_unseen(path: Path, content: bytes) -> None:
    """Change a file as a failing disk does: its times stay."""
    status = path.stat()
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


# --- files that the library reads by itself --------------------------------------------------------------------


Reader = Callable[[], str]
"""Reads a file; returns a digest of what was read, or raises an ArtifactError, or tells that it starts anew."""


class StartedAnewError(Exception):
    """A damaged file to go on from was noticed, and everything is computed again."""


def readers(folder: Path) -> dict[str, tuple[Path, Path, Reader]]:
    """For each kind of file: one, another of its kind to put in its place, and what reads it."""
    images = writers.images()
    paths = {name: (folder / name, folder / f"other-{name}") for name in ("resume.safetensors", "journal.csv")}
    resume, journal = paths.values()
    for number, path in enumerate(resume):
        writers.resume_file(path, images, seed=number, epochs=2)
    writers.journal(journal[0])
    journal[1].write_text("effects,seed\nboth,1\n")
    return {
        "resume file": (*resume, lambda: _resumed(resume[0], images)),
        "journal": (*journal, lambda: _journal(journal[0])),
    }


def read_damaged(folder: Path, times: int, seed: int) -> Iterator[Outcome]:
    """Damage each kind of file so many times in each way, and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = random.Random(seed)
    for kind, (path, other, reader) in readers(folder).items():
        whole, right = path.read_bytes(), reader()
        for name, damage in DAMAGES.items():
            for number in range(times):
                path.write_bytes(damage(whole, generator))
                yield _met(f"{kind}: {name} ({number + 1})", reader, right)
        path.write_bytes(other.read_bytes())
        yield _met(f"{kind}: another in its place", reader, right)
        path.write_bytes(whole)


def _met(fault: str, reader: Reader, right: str) -> Outcome:
    try:
        found = reader()
    except StartedAnewError:
        return Outcome(fault, True, "noticed, and computed anew")
    except ArtifactError as error:
        return Outcome(fault, "\n" not in str(error), str(error))
    except Exception as error:  # anything else is a traceback to the user
        return Outcome(fault, False, f"{type(error).__name__}: {error}")
    return Outcome(fault, found == right, "read as it was" if found == right else "accepted")


def _resumed(path: Path, images: ImageSet) -> str:
    network = build(Architecture(network="vgg11", width=0.06, classes=10), 0)
    loop = training._Loop(network, images, writers.run_of(path, epochs=2), torch.device("cpu"))
    epochs, history = loop.restore()
    if not epochs:
        raise StartedAnewError
    momentum = {
        name: state["momentum_buffer"]
        for name, parameter in loop.parameters.items()
        if (state := loop.optimiser.state.get(parameter))
    }
    return f"{epochs} {json.dumps(history)} {tensor_digest(network.state_dict())} {tensor_digest(momentum)}"


def _journal(path: Path) -> str:
    journal = Journal(path)
    if not len(journal):
        raise StartedAnewError
    return repr(journal._rows)


# --- files that one stage hands to another --------------------------------------------------------------------


def handed_over(root: Path, times: int, seed: int) -> Iterator[Outcome]:
    """Damage files that a stage reads, its times unchanged so that DVC does not look again; the stage must refuse each.

    Args:
        root: a repository in which the pipeline has run.
        times: files for each stage and kind of damage.
        seed: of the choice of files and damages.
    """
    generator, stages = random.Random(seed), stages_of(root)
    made = [out for stage in stages.values() for out in stage.outs]
    for name, stage in stages.items():
        if name == "code":  # reads nothing that a stage made
            continue
        files = _files(
            root,
            [
                out
                for out in made
                for dep in map(Path, stage.deps)
                if dep.is_relative_to(out) or Path(out).is_relative_to(dep)
            ],
        )
        for number in range(times):
            for kind in (*DAMAGES, "another in its place"):
                path = generator.choice(files)
                whole = path.read_bytes()
                damaged = DAMAGES[kind](whole, generator) if kind in DAMAGES else _swapped(path, files, generator)
                if damaged == whole:
                    continue
                put_unseen(path, damaged)
                fault = f"{path.relative_to(root)}: {kind} ({number + 1}), read by {name}"
                yield _refused(root, name, path, fault)
                put_unseen(path, whole)


def _files(root: Path, outs: list[str]) -> list[Path]:
    found = {path for out in outs for path in ((root / out), *(root / out).rglob("*")) if path.is_file()}
    return sorted(path for path in found if path.stat().st_size)


def _swapped(path: Path, files: list[Path], generator: random.Random) -> bytes:
    others = [other for other in files if other.suffix == path.suffix and other != path]
    return generator.choice(others).read_bytes() if others else path.read_bytes()


def _refused(root: Path, stage: str, path: Path, fault: str) -> Outcome:
    with _running_under_dvc(stage):
        try:
            inputs.check(root, "no.code")
        except ArtifactError as error:
            told = str(error)
            return Outcome(fault, "\n" not in told and str(path.relative_to(root)) in told, told)
    return Outcome(fault, False, "accepted")


@contextmanager
def _running_under_dvc(stage: str) -> Iterator[None]:
    with mock.patch.dict(os.environ, {"DVC_STAGE": stage}):
        yield


WHAT = (
    "bits flipped in, ends lost of and others put in the place of checkpoints, tables, journals, resume files, datasets, "
    "notebooks, archives and DVC's cache"
)
DELETED = "DVC's cache, its locks and state, outputs, resume files or the report deleted; then `dvc repro`"
_DATASET = "data/datasets/tiny.safetensors"
_CHECKPOINTS = f"data/checkpoints/{EXPERIMENT}"
_TABLES = f"data/results/tiny/{EXPERIMENT}"
_NOTEBOOKS = f"data/notebooks/tiny/{EXPERIMENT}"
_RESUME = f"data/resume/{EXPERIMENT}"


def tasks(reference: Reference, folder: Path, seed: int) -> Iterator[Faults]:
    """Damaged files read by the library, handed over between stages, met by ``dvc repro``, and gone on from."""
    yield Faults("read", "damaged files: read", collected, (read_damaged, folder / "read", 40, seed))
    among: dict[str, Callable[[Repository, Reference, int], Iterator[Outcome]]] = {
        "handed over": _handed_over, "seen": _seen, "gone on from": _gone_on_from, "kept": _kept,
    }  # fmt: skip
    for name, within in among.items():
        arguments = (within, reference, folder / name.replace(" ", "-"), seed)
        yield Faults(name, f"damaged files: {name}", _in_a_copy, arguments)


def _in_a_copy(
    faults: Callable[[Repository, Reference, int], Iterator[Outcome]], reference: Reference, folder: Path, seed: int
) -> list[Outcome]:
    return list(faults(reference.copy(folder), reference, seed))


def _handed_over(repository: Repository, reference: Reference, seed: int) -> Iterator[Outcome]:
    del reference  # a stage refuses what it is handed, before it makes anything to compare
    return handed_over(repository.folder, 1, seed)


# --- in the workspace: DVC sees that a file changed ---------------------------------------------------------


def _seen(repository: Repository, reference: Reference, seed: int) -> Iterator[Outcome]:
    """Damage outputs as programs do, then ``dvc repro``: all must be as it was, recomputed or from the cache."""
    generator = random.Random(seed)
    others = {
        _DATASET: f"{_CHECKPOINTS}/unpruned.safetensors",
        f"{_CHECKPOINTS}/unpruned.safetensors": f"{_CHECKPOINTS}/cf/cf.safetensors",
        f"{_TABLES}/06_evaluate/evaluation.csv": f"{_TABLES}/07_rearrange/evaluation.csv",
        f"{_NOTEBOOKS}/05_map.ipynb": f"{_NOTEBOOKS}/06_evaluate.ipynb",
        "reports/tiny/claims.json": "reports/tiny/tables/claims.csv",
    }
    for name, other in others.items():
        path = repository.folder / name
        whole = path.read_bytes()
        for kind, content in {
            "a bit flipped": flipped(whole, generator),
            "truncated": truncated(whole, generator),
            "another in its place": (repository.folder / other).read_bytes(),
        }.items():
            path.write_bytes(content)
            yield _identical_after_repro(repository, reference, f"{name}: {kind}")


def _identical_after_repro(repository: Repository, reference: Reference, fault: str, *arguments: str) -> Outcome:
    done = repository.dvc("repro", *arguments)
    wrong = reference.result.differences(repository) if not done.returncode else [last_line(done.stderr)]
    ran = done.stdout.count("Running stage '")
    return Outcome(fault, not wrong, "; ".join(wrong[:3]) or f"{ran} stages ran, all identical")


# --- what a stage goes on from ------------------------------------------------------------------------------


def _gone_on_from(repository: Repository, reference: Reference, seed: int) -> Iterator[Outcome]:
    """Damage resume files and journals, and run the stage that goes on from them: its results must be the same."""
    generator = random.Random(seed)
    for name, other, stage in (
        ("trained-unpruned.safetensors", "fine-tuned-cf.safetensors", f"train@{EXPERIMENT}"),
        ("06_evaluate.csv", "07_rearrange.csv", f"evaluate@{EXPERIMENT}"),
    ):
        path = repository.folder / _RESUME / name
        whole = path.read_bytes()
        for kind, content in {
            "a bit flipped": flipped(whole, generator),
            "another in its place": (repository.folder / _RESUME / other).read_bytes(),
        }.items():
            path.write_bytes(content)
            fault = f"{_RESUME}/{name}: {kind}"
            yield _identical_after_repro(repository, reference, fault, "--force", "--single-item", stage)


# --- in DVC's cache, which DVC trusts -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Kept:
    """An output that comes back from a damaged cache, the stage that makes it, and one that reads it."""

    path: str
    maker: str
    reader: str


_IN_CACHE = (
    _Kept(_DATASET, "data@tiny", f"train@{EXPERIMENT}"),
    _Kept(f"{_CHECKPOINTS}/unpruned.safetensors", f"train@{EXPERIMENT}", f"prune_cf@{EXPERIMENT}"),
    _Kept(f"{_TABLES}/06_evaluate", f"evaluate@{EXPERIMENT}", f"rearrange@{EXPERIMENT}"),
)


def _kept(repository: Repository, reference: Reference, seed: int) -> Iterator[Outcome]:
    """Flip a bit in the cache, take the output from there, and run a stage that reads it.

    It must be refused in one line, and the commands in that line must bring everything back.
    """
    generator = random.Random(seed)
    for kept in _IN_CACHE:
        name = kept.path
        md5 = lock(repository)[kept.maker][kept.path]
        cached = _cached(repository, md5)
        if md5.endswith(".dir"):
            found = re.search(r'"md5": "(\w+)", "relpath": "evaluation\.csv"', cached.read_text(encoding="utf-8"))
            if found is None:
                raise RuntimeError(f"{cached}: no evaluation.csv in this listing")
            cached, name = _cached(repository, found[1]), f"{kept.path}/evaluation.csv"
        put_unseen(cached, flipped(cached.read_bytes(), generator))
        _remove(repository.folder / kept.path)
        repository.dvc("checkout", kept.path)
        fault = f"{name} in DVC's cache: a bit flipped"
        done = repository.dvc("repro", "--force", "--single-item", kept.reader)
        if not done.returncode:
            wrong = reference.result.differences(repository)
            yield Outcome(fault, not wrong, "; ".join(wrong[:3]) or "made anew, all identical")
            continue
        lines = [line for line in done.stderr.splitlines() if name in line]
        commands = re.search(r"`(rm -f [^`]+)`", lines[0]) if len(lines) == 1 else None
        if commands is None or "Traceback" in done.stderr:
            yield Outcome(fault, False, f"no clear line: {done.stderr.strip()[-300:]!r}")
            continue
        subprocess.run(
            shlex.split(commands[1]), cwd=repository.folder, env=repository.environment, capture_output=True,
            check=True,
        )  # fmt: skip
        again = _identical_after_repro(repository, reference, fault)
        yield Outcome(fault, again.survived, f"{lines[0]}; after that: {again.told}")


def _cached(repository: Repository, md5: str) -> Path:
    return repository.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


# --- what can be deleted at any time ------------------------------------------------------------------------


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


DELETIONS: dict[str, Callable[[Repository], None]] = {
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


def deletions(reference: Reference, folder: Path) -> Iterator[Faults]:
    """Each deletion in a copy of its own."""
    for name in DELETIONS:
        arguments = (reference, folder / name.replace(" ", "-"), name)
        yield Faults(name, f"deleted: {name}", deleted, arguments)


def deleted(reference: Reference, folder: Path, name: str) -> list[Outcome]:
    """Delete, reproduce, and compare with the undisturbed result."""
    repository = reference.copy(folder)
    DELETIONS[name](repository)
    done = repository.dvc("repro")
    wrong = reference.result.differences(repository) if not done.returncode else [last_line(done.stderr)]
    again = repository.dvc("repro", "--dry")
    if "Running stage" in again.stdout:
        wrong.append("`dvc repro` is not done after it ran")
    ran = done.stdout.count("Running stage '")
    shutil.rmtree(folder)
    return [Outcome(f"deleted: {name}", not wrong, "; ".join(wrong) or f"{ran} stages ran, all identical")]
