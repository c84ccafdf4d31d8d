"""``dvc repro`` and all below it killed at random moments of every stage, and started again each time."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from repository import Repository, kill_all, stages
from ruamel.yaml import YAML

from .outcomes import Outcome
from .tiny import Reference, computed, last_line, running, stages_of

WHAT = (
    "SIGKILL of `dvc repro` and all its processes at random moments, in every stage; then `dvc repro` again"
)
_LATEST = 1.05  # of a stage's known cost: a few kills meet its end, where DVC stores what it made


def outcomes(reference: Reference, folder: Path, kills: int, seed: int) -> Iterator[Outcome]:
    """Kills in every stage, in a clone of its own that is as the undisturbed run was before the stage.

    Args:
        reference: the undisturbed run.
        folder: where clones go.
        kills: how many at least; shared out evenly, and the rest at random.
        seed: of the stages that get the rest, and of the moments.
    """
    names = list(reference.seconds)
    share = kills // len(names)
    extra = Counter(random.Random(seed).choices(names, k=kills - share * len(names)))
    for rank, stage in enumerate(names):
        if count := share + extra[stage]:
            yield from killed(reference, folder / stage, stage, count, random.Random(seed + rank))


def before(reference: Reference, folder: Path, undone: list[str]) -> Repository:
    """A copy of the undisturbed run as it was before some of the last stages."""
    repository = reference.copy(folder)
    made = stages(folder)
    for stage in undone:
        for out in made[stage].outs:
            path = folder / out
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in (".dvc/cache/runs", "data/resume"):  # else the stages would be found done
        shutil.rmtree(folder / name)
    yaml, path = YAML(), folder / "dvc.lock"
    tree = yaml.load(path)
    for stage in undone:
        del tree["stages"][stage]
    yaml.dump(tree, path)
    return repository


def killed(
    reference: Reference, folder: Path, wanted: str, kills: int, generator: random.Random
) -> Iterator[Outcome]:
    """Kill ``dvc repro`` so many times within a stage; a kill that comes late and hits the next one is one more.

    A kill is survived if the next ``dvc repro`` goes on by itself and if, at the end, all is identical to the undisturbed
    run, with nothing left over: where it is not, no kill is.
    """
    names = list(reference.seconds)
    later = names[names.index(wanted) :]
    repository = before(reference, folder, later)
    found, hits = list[tuple[str, str]](), Counter[str]()
    while hits[wanted] < kills:
        after = generator.uniform(0.0, _LATEST) * reference.seconds[wanted]
        hit, complaint = _kill_within(repository, wanted, after, set(later))
        if hit:  # else the pipeline's last stage ended before
            hits[hit] += 1
            found.append(
                (f"kill {hits.total()} of {wanted}, {after:.1f} computed seconds into it: {hit}", complaint)
            )
    wrong = reference.differences(repository.dvc("repro", *hits), repository, hits)
    shutil.rmtree(folder)
    for fault, complaint in found:
        yield Outcome.of(fault, [complaint] if complaint else wrong)


def _kill_within(repository: Repository, wanted: str, after: float, later: set[str]) -> tuple[str, str]:
    """Start the pipeline and kill it so many computed seconds into a stage; returns the stage hit, and what was wrong.

    '' where the process ended before. Where the stage is done already it is forced to run once more.
    """
    for arguments in ((), ("--force", "--single-item", wanted)):
        with running(repository, *arguments) as (process, log):
            while process.poll() is None and not later.intersection(stages_of(log)):
                time.sleep(0.05)
            start = computed(process.pid)
            if wanted in stages_of(log):
                while process.poll() is None and computed(process.pid) - start < after:
                    time.sleep(0.2)  # looking costs time itself
            too_late = process.poll() is not None
            kill_all(process.pid)
        if wanted in (began := stages_of(log)):
            return "" if too_late else began[-1], ""
        if process.returncode > 0:
            return wanted, f"dvc repro did not go on: {last_line(log.read_text())}"
    return wanted, "the stage did not begin"
