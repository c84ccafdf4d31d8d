"""``dvc repro`` and all below it killed at random moments of every stage, and started again each time."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from repository import Repository, kill_all
from repository import stages as stages_of
from ruamel.yaml import YAML

from .outcomes import Faults, Outcome, last_line
from .tiny import Reference, computed, running

WHAT = "SIGKILL of `dvc repro` and all its processes at random moments, in every stage; then `dvc repro` again"
_LATEST = 1.05  # of a stage's known cost: a few kills meet its end, where DVC stores what it made
_LOOK = 0.2  # seconds; looking costs time itself


def tasks(stages: list[str], reference: Reference, folder: Path, kills: int, seed: int) -> Iterator[Faults]:
    """Kills in every stage, in a clone of its own that is as the undisturbed run was before the stage.

    Args:
        stages: of the pipeline, in their order.
        reference: the undisturbed run, or its stand-in.
        folder: where clones go.
        kills: how many at least; shared out evenly, and the rest at random.
        seed: of the stages that get the rest, and of the moments.
    """
    share = kills // len(stages)
    extra = Counter(random.Random(seed).choices(stages, k=kills - share * len(stages)))
    for rank, stage in enumerate(stages):
        if count := share + extra[stage]:
            arguments = (reference, folder / stage, stage, count, seed + rank)
            yield Faults(stage, f"kills in {stage}", killed, arguments)


def before(reference: Reference, folder: Path, stages: list[str]) -> Repository:
    """A copy of the undisturbed run as it was before some of the last stages."""
    repository = reference.copy(folder)
    made = stages_of(repository.folder)
    for stage in stages:
        for out in made[stage].outs:
            path = repository.folder / out
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in (".dvc/cache/runs", "data/resume"):  # else the stages would be found done
        shutil.rmtree(repository.folder / name)
    yaml, path = YAML(), repository.folder / "dvc.lock"
    tree = yaml.load(path.read_text(encoding="utf-8"))
    for stage in stages:
        del tree["stages"][stage]
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(tree, file)
    return repository


def killed(reference: Reference, folder: Path, wanted: str, kills: int, seed: int) -> list[Outcome]:
    """Kill ``dvc repro`` so many times within a stage; a kill that comes late and hits the next one is one more.

    A kill is survived if the next ``dvc repro`` goes on by itself and if, at the end, all is identical to the undisturbed
    run, with nothing left over: where it is not, no kill is.
    """
    stages = list(reference.seconds)
    repository = before(reference, folder, stages[stages.index(wanted) :])
    generator = random.Random(seed)
    outcomes, hits = list[Outcome](), Counter[str]()
    while hits[wanted] < kills:
        after = generator.uniform(0.0, _LATEST) * reference.seconds[wanted]
        hit, complaint = _kill_within(repository, wanted, after, stages)
        if not hit:  # the pipeline's last stage ended before
            continue
        hits[hit] += 1
        fault = f"kill {hits.total()} of {wanted}, {after:.1f} computed seconds into it: {hit}"
        outcomes.append(Outcome(fault, not complaint, complaint))
    done = repository.dvc("repro", *hits)
    wrong = reference.result.differences(repository, hits) if not done.returncode else [last_line(done.stderr)]
    shutil.rmtree(folder)
    if not wrong:
        return outcomes
    return [Outcome(one.fault, False, one.told or "; ".join(wrong[:5])) for one in outcomes]


def _kill_within(repository: Repository, wanted: str, after: float, stages: list[str]) -> tuple[str, str]:
    """Start the pipeline and kill it so many computed seconds into a stage; returns the stage hit, and what was wrong.

    '' where the process ended before. Where the stage is done already it is forced to run once more.
    """
    later = set(stages[stages.index(wanted) + 1 :])
    for arguments in ((), ("--force", "--single-item", wanted)):
        with running(repository, *arguments) as process:
            watched = _Watched(process)
            watched.wait_for({wanted, *later})
            if wanted in watched.began:
                start = computed(process.pid)
                while not watched.ended.wait(_LOOK) and computed(process.pid) - start < after:
                    pass
            too_late = process.poll() is not None
            kill_all(process.pid)
            watched.ended.wait()
        if wanted in watched.began:
            return "" if too_late else watched.stage, ""
        if process.returncode > 0:
            return wanted, f"dvc repro did not go on: {watched.last_line}"
    return wanted, "the stage did not begin"


class _Watched:
    """Follows the output of a ``dvc repro`` in a thread of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.stage, self.last_line = "", ""
        self.began: set[str] = set()
        self.ended = threading.Event()
        self._process = process
        self._changed = threading.Condition()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("Running stage '"):
                with self._changed:
                    self.stage = line.split("'")[1]
                    self.began.add(self.stage)
                    self._changed.notify_all()
            elif line.strip():
                self.last_line = line.strip()
        with self._changed:
            self.ended.set()
            self._changed.notify_all()

    def wait_for(self, stages: set[str]) -> None:
        """Wait until one of the stages began, or the process ended."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended.is_set() or not stages.isdisjoint(self.began))
