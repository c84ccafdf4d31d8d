"""The smallest profile that runs every stage of the pipeline, in clones of this repository."""

from __future__ import annotations

import contextlib
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from repository import Repository, tiny_profile

from xbarpaper.params import Params

from .outcomes import Result

EXPERIMENT = "tiny-vgg11"
_SMALLER: dict[str, dict[str, Any]] = {
    "train": {"device": "cpu", "precision": "float32", "epochs": 2, "batch_size": 25},
    "wct": {"epochs": 1},
    "mapping": {"crossbar_sizes": (8,)},
    "sensitivity": {"wire_factors": (1.0,), "driver_factors": (1.0,), "crossbar_sizes": (8,), "sparsities": (0.6,)},
    "claims": {"bootstrap_resamples": 200},
}  # fmt: skip


def settings() -> Params:
    """The tiny profile of the other tests, smaller still: one crossbar size and few points of each axis."""
    return tiny_profile(**_SMALLER)


def clone(folder: Path) -> Repository:
    """A copy of this repository in which nothing has run, the tiny profile active."""
    made = Repository.copy(folder)
    made.activate(settings())
    made.environment["PYTHONUNBUFFERED"] = "1"  # each line of dvc when it says it, even into a pipe
    return made


@dataclass(frozen=True)
class Reference:
    """A clone in which the profile ran undisturbed.

    Attributes:
        repository: the clone; faults happen to copies of it.
        result: what came out.
        seconds: that each stage computed: the clock's would depend on what else the machine does.
    """

    repository: Repository
    result: Result
    seconds: dict[str, float]

    @classmethod
    def run(cls, folder: Path) -> Reference:
        """Run the whole profile, some minutes."""
        repository = clone(folder)
        seconds: dict[str, float] = {}
        with running(repository) as process:
            stage, began = "", 0.0
            for line in stages_of(process):
                if stage:
                    seconds[stage] = computed(process.pid) - began
                stage, began = line, computed(process.pid)
                seconds[stage] = statistics.mean(seconds.values()) if seconds else 0.0  # all that is known of the last
        if process.wait():
            raise RuntimeError("the undisturbed run failed")
        return cls(repository, Result.of(repository), seconds)

    def copy(self, folder: Path) -> Repository:
        """A clone to spoil, in the same state."""
        shutil.rmtree(folder, ignore_errors=True)  # of a worker that was lost
        shutil.copytree(self.repository.folder, folder, symlinks=True)
        made = Repository(folder)
        made.environment = self.repository.environment
        return made


def computed(pid: int) -> float:
    """Processor seconds of a process and all below it so far; 0 once it has ended."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for process in (top, *top.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


@contextmanager
def running(repository: Repository, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A ``dvc repro`` as its own process group, its output, errors included, in ``stdout``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", *arguments], cwd=repository.folder, env=repository.environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    with process:
        yield process


def stages_of(process: subprocess.Popen[str]) -> Iterator[str]:
    """Names of the stages when they begin, until the process ends."""
    assert process.stdout is not None
    for line in process.stdout:
        if began := re.match(r"Running stage '(.+)':", line):
            yield began[1]
