"""Files truncated, exchanged or with a bit changed: in the workspace, in DVC's cache, and where runs go on from."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import torch
from repository import Repository, stages

from xbarpaper.data import ImageSet
from xbarpaper.experiments.journal import Journal
from xbarpaper.networks import Architecture, build, training
from xbarpaper.networks.digests import tensor_digest
from xbarpaper.support import inputs
from xbarpaper.support.errors import ArtifactError

from . import writers
from .outcomes import Outcome
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


class StartedAnewError(Exception):
    """A damaged file to go on from was noticed, and everything is computed again."""


def read_damaged(folder: Path, times: int, seed: int) -> Iterator[Outcome]:
    """Damage a resume file and a journal so many times in each way, or put another in its place, and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    generator, images = random.Random(seed), writers.images()
    resume, journal = folder / "resume.safetensors", folder / "journal.csv"
    other = writers.resume_file(folder / "other.safetensors", images, seed=1, epochs=2).read_bytes()
    writers.resume_file(resume, images, epochs=2)
    writers.journal(journal)
    for path, reader, other_content in (
        (resume, lambda: _resumed(resume, images), other),
        (journal, lambda: _journal(journal), b"effects,seed\nboth,1\n"),
    ):
        whole, right = path.read_bytes(), reader()
        for name, damage in DAMAGES.items():
            for number in range(1, times + 1):
                path.write_bytes(damage(whole, generator))
                yield _met(f"{path.name}: {name} ({number})", reader, right)
        path.write_bytes(other_content)
        yield _met(f"{path.name}: another in its place", reader, right)


def _met(fault: str, reader: Callable[[], str], right: str) -> Outcome:
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
    """All that a training goes on from."""
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


WHAT = (
    "bits flipped in, ends lost of and others put in the place of checkpoints, tables, journals, resume files, datasets, "
    "notebooks, archives and DVC's cache"
)
_DATASET = "data/datasets/tiny.safetensors"
_UNPRUNED = f"data/checkpoints/{EXPERIMENT}/unpruned.safetensors"
_TABLES = f"data/results/tiny/{EXPERIMENT}"
_NOTEBOOKS = f"data/notebooks/tiny/{EXPERIMENT}"
_RESUME = f"data/resume/{EXPERIMENT}"


def outcomes(reference: Reference, folder: Path, seed: int) -> Iterator[Outcome]:
    """Damaged files read by the library, handed over between stages, met by ``dvc repro``, and gone on from."""
    yield from read_damaged(folder / "read", 40, seed)
    yield from handed_over(reference.copy(folder / "handed-over").folder, random.Random(seed))
    for part in (_seen, _gone_on_from, _kept):
        yield from part(reference.copy(folder / part.__name__), reference, random.Random(seed))


# --- files that one stage hands to another --------------------------------------------------------------------


def handed_over(root: Path, generator: random.Random) -> Iterator[Outcome]:
    """Damage files that a stage reads, their times unchanged so that DVC does not look again: each must be refused."""
    every = stages(root)
    made = [Path(out) for stage in every.values() for out in stage.outs]
    for name, stage in every.items():
        if name == "code":  # reads nothing that a stage made
            continue
        deps = [Path(dep) for dep in stage.deps]
        read = [
            root / out for out in made if any(d.is_relative_to(out) or out.is_relative_to(d) for d in deps)
        ]
        inner = {path for out in read for path in (out, *out.rglob("*")) if path.is_file()}
        files = sorted(path for path in inner if path.stat().st_size)
        for kind in (*DAMAGES, "another in its place"):
            path = generator.choice(files)
            whole = path.read_bytes()
            if kind in DAMAGES:
                damaged = DAMAGES[kind](whole, generator)
            else:
                others = [other for other in files if other.suffix == path.suffix and other != path]
                damaged = generator.choice(others or [path]).read_bytes()
            if damaged != whole:
                put_unseen(path, damaged)
                yield _refused(root, name, path, kind)
                put_unseen(path, whole)


def _refused(root: Path, stage: str, path: Path, kind: str) -> Outcome:
    name = str(path.relative_to(root))
    fault = f"{name}: {kind}, read by {stage}"
    with mock.patch.dict(os.environ, {"DVC_STAGE": stage}):
        try:
            inputs.check(root, "no.code")
        except ArtifactError as error:
            told = str(error)
            return Outcome(fault, "\n" not in told and name in told, told)
    return Outcome(fault, False, "accepted")


# --- in the workspace, where DVC sees that a file changed, and where a stage goes on from -----------------------


def _seen(repository: Repository, reference: Reference, generator: random.Random) -> Iterator[Outcome]:
    """Damage outputs as programs do, then ``dvc repro``: all must be as it was, recomputed or from the cache."""
    for name, other in {
        _DATASET: _UNPRUNED,
        _UNPRUNED: f"data/checkpoints/{EXPERIMENT}/cf/cf.safetensors",
        f"{_TABLES}/06_evaluate/evaluation.csv": f"{_TABLES}/07_rearrange/evaluation.csv",
        f"{_NOTEBOOKS}/05_map.ipynb": f"{_NOTEBOOKS}/06_evaluate.ipynb",
        "reports/tiny/claims.json": "reports/tiny/tables/claims.csv",
    }.items():
        contents = (repository.folder / other).read_bytes()
        for fault in _each_damage(repository, name, contents, generator):
            yield _identical_after_repro(repository, reference, fault)


def _gone_on_from(
    repository: Repository, reference: Reference, generator: random.Random
) -> Iterator[Outcome]:
    """Damage resume files and journals, and run the stage that goes on from them: its results must be the same."""
    for stage, name, other_stage, other in (
        (f"train@{EXPERIMENT}", "01_train/trained-unpruned.safetensors",
         f"prune_cf@{EXPERIMENT}", "02_prune_cf/fine-tuned-cf.safetensors"),
        (f"evaluate@{EXPERIMENT}", "06_evaluate/06_evaluate.csv",
         f"rearrange@{EXPERIMENT}", "07_rearrange/07_rearrange.csv"),
    ):  # fmt: skip
        contents = _left_by(repository, other_stage, f"{_RESUME}/{other}")
        _left_by(repository, stage, f"{_RESUME}/{name}")
        for fault in _each_damage(repository, f"{_RESUME}/{name}", contents, generator):
            yield _identical_after_repro(repository, reference, fault, "--force", "--single-item", stage)


def _left_by(repository: Repository, stage: str, name: str) -> bytes:
    """A file that a stage keeps to go on from. Run without DVC, the stage leaves it there."""
    repository.run(*shlex.split(stages(repository.folder)[stage].command), check=True)
    return (repository.folder / name).read_bytes()


def _each_damage(repository: Repository, name: str, other: bytes, generator: random.Random) -> Iterator[str]:
    path = repository.folder / name
    whole = path.read_bytes()
    for kind, damage in DAMAGES.items():
        path.write_bytes(damage(whole, generator))
        yield f"{name}: {kind}"
    path.write_bytes(other)
    yield f"{name}: another in its place"


def _identical_after_repro(
    repository: Repository, reference: Reference, fault: str, *arguments: str
) -> Outcome:
    done = repository.dvc("repro", *arguments)
    ran = done.stdout.count("Running stage '")
    return Outcome.of(fault, reference.differences(done, repository), f"{ran} stages ran, all identical")


# --- in DVC's cache, which DVC trusts -----------------------------------------------------------------------

_IN_CACHE = (  # an output that comes back from a damaged cache, the stage that makes it, and one that reads it
    (_DATASET, "data@tiny", f"train@{EXPERIMENT}"),
    (_UNPRUNED, f"train@{EXPERIMENT}", f"prune_cf@{EXPERIMENT}"),
    (f"{_TABLES}/06_evaluate", f"evaluate@{EXPERIMENT}", f"rearrange@{EXPERIMENT}"),
)


def _kept(repository: Repository, reference: Reference, generator: random.Random) -> Iterator[Outcome]:
    """Flip a bit in the cache, take the output from there, and run a stage that reads it.

    It must be refused in one line, and the commands in that line must bring everything back.
    """
    objects = repository.folder / ".dvc/cache/files/md5"
    for path, maker, reader in _IN_CACHE:
        name, md5 = path, reference.lock[maker][path]
        cached = objects / md5[:2] / md5[2:]
        if md5.endswith(".dir"):
            name = f"{path}/evaluation.csv"
            md5 = next(
                one["md5"] for one in json.loads(cached.read_text()) if one["relpath"] == "evaluation.csv"
            )
            cached = objects / md5[:2] / md5[2:]
        put_unseen(cached, flipped(cached.read_bytes(), generator))
        _delete(path)(repository)
        repository.dvc("checkout", path)
        fault = f"{name} in DVC's cache: a bit flipped"
        done = repository.dvc("repro", "--force", "--single-item", reader)
        if not done.returncode:
            yield Outcome.of(fault, reference.differences(done, repository), "made anew, all identical")
            continue
        lines = [line for line in done.stderr.splitlines() if name in line]
        commands = re.search(r"`(rm -f [^`]+)`", lines[0]) if len(lines) == 1 else None
        if commands is None or "Traceback" in done.stderr:
            yield Outcome(fault, False, f"no clear line: {done.stderr.strip()[-300:]!r}")
            continue
        repository.run("sh", "-c", commands[1], check=True)
        again = _identical_after_repro(repository, reference, fault)
        yield Outcome(fault, again.survived, f"{lines[0]}; after that: {again.told}")


# --- what can be deleted at any time ------------------------------------------------------------------------

DELETED = "DVC's cache, its locks and state, outputs, resume files or the report deleted; then `dvc repro`"


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


def deletions(reference: Reference, folder: Path) -> Iterator[Outcome]:
    """Each deletion in a copy of its own: delete, reproduce, and compare with the undisturbed result."""
    for name, delete in DELETIONS.items():
        repository = reference.copy(folder / name.replace(" ", "-"))
        delete(repository)
        outcome = _identical_after_repro(repository, reference, f"deleted: {name}")
        if outcome.survived and "Running stage" in repository.dvc("repro", "--dry").stdout:
            outcome = Outcome(outcome.fault, False, "`dvc repro` is not done after it ran")
        yield outcome
        shutil.rmtree(repository.folder)
