"""The smallest profile that runs every stage of the pipeline, in clones of this repository."""

from __future__ import annotations

import contextlib
import itertools
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from dvc.repo import Repo
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_objects.fs.local import LocalFileSystem
from repository import Repository, tiny_profile
from ruamel.yaml import YAML

from xbarpaper.params import Params

EXPERIMENT = "tiny-vgg11"
Lock = dict[str, dict[str, str]]
_SMALLER: dict[str, dict[str, Any]] = {
    "train": {"device": "cpu", "precision": "float32", "epochs": 2, "batch_size": 25},
    "wct": {"epochs": 1},
    "mapping": {"crossbar_sizes": (8,)},
    "sensitivity": {
        "wire_factors": (1.0,), "driver_factors": (1.0,), "crossbar_sizes": (8,), "sparsities": (0.6,),
    },
    "claims": {"bootstrap_resamples": 200},
}  # fmt: skip


def settings() -> Params:
    """The tiny profile of the other tests, smaller still: one crossbar size and few points of each axis."""
    return tiny_profile(**_SMALLER)


def clone(folder: Path) -> Repository:
    """A copy of this repository in which nothing has run, the tiny profile active."""
    made = Repository.copy(folder)
    made.activate(settings())
    made.environment["PYTHONUNBUFFERED"] = "1"  # each line of dvc when it says it, even into a file
    return made


@dataclass(frozen=True)
class Reference:
    """A clone in which the profile ran undisturbed.

    Attributes:
        repository: the clone; faults happen to copies of it.
        lock: the outputs of every stage with their hashes, as dvc.lock has them.
        report: the published files.
        seconds: that each stage computed: the clock's would depend on what else the machine does.
    """

    repository: Repository
    lock: Lock
    report: dict[str, bytes]
    seconds: dict[str, float]

    @classmethod
    def run(cls, folder: Path) -> Reference:
        """Run the whole profile, some minutes."""
        repository, began = clone(folder), dict[str, float]()
        with running(repository) as (process, log):
            while process.poll() is None:
                time.sleep(0.1)
                for stage in stages_of(log):
                    began.setdefault(stage, computed(process.pid))
        if process.returncode:
            raise RuntimeError(f"the undisturbed run failed: {last_line(log.read_text())}")
        seconds = [after - before for before, after in itertools.pairwise(began.values())]
        seconds.append(statistics.mean(seconds))  # all that is known of the last
        times = dict(zip(began, seconds, strict=True))
        return cls(repository, lock(repository), repository.contents("reports/tiny"), times)

    def copy(self, folder: Path) -> Repository:
        """A clone to spoil, in the same state."""
        made = Repository.twin(self.repository.folder, folder)
        made.environment = self.repository.environment
        return made

    def differences(
        self, done: subprocess.CompletedProcess[str], repository: Repository, stages: Iterable[str] = ()
    ) -> list[str]:
        """What is wrong after a ``dvc repro``: it failed, or the clone has not what the undisturbed run made.

        Args:
            done: the ``dvc repro``.
            repository: where it ran.
            stages: only these; all, and the report, if not given.
        """
        if done.returncode:
            return [last_line(done.stderr)]
        there, report = lock(repository), {} if stages else repository.contents("reports/tiny")
        found = [f"{stage} differs" for stage in stages or self.lock if self.lock[stage] != there.get(stage)]
        if not stages:
            names = sorted(self.report.keys() | report.keys())
            found += [
                f"reports/tiny/{name} differs" for name in names if self.report.get(name) != report.get(name)
            ]
        hidden = [path for top in ("data", "reports") for path in (repository.folder / top).rglob(".*")]
        left = [path.relative_to(repository.folder) for path in hidden if path.name != ".gitignore"]
        return found + unlike_the_lock(repository) + [f"{path} is left over" for path in left]


def lock(repository: Repository) -> Lock:
    """The outputs of every stage of the profile with their hashes, as dvc.lock has them."""
    tree = YAML(typ="safe", pure=True).load(repository.folder / "dvc.lock")
    stages = {name: entry["outs"] for name, entry in tree["stages"].items() if "tiny" in name}
    return {name: {out["path"]: out["md5"] for out in outs} for name, outs in stages.items()}


def unlike_the_lock(repository: Repository) -> list[str]:
    """Outputs whose files are not those that dvc.lock names."""
    odb = HashFileDB(LocalFileSystem(), str(repository.folder / ".dvc/cache/files/md5"))
    ignore = Repo(str(repository.folder)).dvcignore
    found = []
    for stage, outs in lock(repository).items():
        for path, md5 in outs.items():
            try:
                _, _, made = build(
                    odb, str(repository.folder / path), odb.fs, "md5", dry_run=True, ignore=ignore
                )
            except FileNotFoundError:
                found.append(f"{path}, which {stage} wrote, is missing")
                continue
            if made.hash_info.value != md5:
                found.append(f"{path} is not what {stage} wrote")
    return found


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
def running(repository: Repository, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A ``dvc repro`` as its own process group, and the file that gets its output, errors included."""
    log = repository.folder.with_suffix(".log")
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro", *arguments], cwd=repository.folder, env=repository.environment,
            stdout=output, stderr=output, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        yield process, log


def stages_of(log: Path) -> list[str]:
    """Names of the stages that began, in their order."""
    return re.findall(r"^Running stage '(.+)':", log.read_text(encoding="utf-8", errors="replace"), re.M)


def last_line(text: str) -> str:
    """What a command said last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it failed without a word"
