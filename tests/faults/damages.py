"""Damages to a file, and what the library makes of damaged files that it goes on from or hands on.

Damaged checkpoints, datasets and archives are among the bad inputs: see ``fuzz_weights`` and ``fuzz_images``.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import torch
from repository import stages as stages_of

from xbarpaper.data import ImageSet
from xbarpaper.experiments.journal import Journal
from xbarpaper.networks import Architecture, build, training
from xbarpaper.networks.digests import tensor_digest
from xbarpaper.support import inputs
from xbarpaper.support.errors import ArtifactError

from . import writers
from .outcomes import Outcome

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
    paths = {
        name: (folder / name, folder / f"other-{name}") for name in ("resume.safetensors", "journal.csv")
    }
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
                damaged = (
                    DAMAGES[kind](whole, generator) if kind in DAMAGES else _swapped(path, files, generator)
                )
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
