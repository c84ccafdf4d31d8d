"""What became of a fault, and of the files it met."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from dvc.repo import Repo
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_objects.fs.local import LocalFileSystem
from pydantic import BaseModel, ConfigDict, NonNegativeInt, model_validator
from repository import ROOT, Repository
from ruamel.yaml import YAML

from xbarpaper.support.files import write_text
from xbarpaper.support.spreading import Task


@dataclass(frozen=True)
class Outcome:
    """One fault.

    Attributes:
        fault: what was done.
        survived: nothing lost, nothing wrong accepted, and one clear line where there is something to say.
        told: what was said, or what went wrong.
    """

    fault: str
    survived: bool
    told: str = ""

    def __str__(self) -> str:
        return f"{'survived' if self.survived else 'NOT SURVIVED'}: {self.fault}: {self.told}".rstrip(": ")


Faults = Task[str, list[Outcome]]
"""Faults that happen to files of their own, so that they can be tried anywhere, beside others."""


def collected(faults: Callable[..., Iterator[Outcome]], *arguments: Any) -> list[Outcome]:
    """All outcomes of what gives them one by one."""
    return list(faults(*arguments))


@dataclass(frozen=True)
class Result:
    """All that a pipeline made: every stage's hashes as dvc.lock has them, and the published report."""

    lock: dict[str, dict[str, str]]
    report: dict[str, bytes]

    @classmethod
    def of(cls, repository: Repository) -> Result:
        return cls(lock(repository), repository.contents("reports/tiny"))

    def differences(self, repository: Repository, stages: Iterable[str] | None = None) -> list[str]:
        """What another clone has that is not so, and what in it is not what its own dvc.lock says.

        Args:
            repository: the clone.
            stages: only these; all, and the report, if not given.
        """
        there = lock(repository)
        found = [f"{one} differs" for one in stages or self.lock if self.lock[one] != there.get(one)]
        if stages is None:
            report = repository.contents("reports/tiny")
            names = sorted(self.report.keys() | report.keys())
            found += [f"reports/tiny/{n} differs" for n in names if self.report.get(n) != report.get(n)]
        return found + unlike_the_lock(repository) + [f"{name} is left over" for name in leftovers(repository)]


def unlike_the_lock(repository: Repository) -> list[str]:
    """Outputs whose files are not those that dvc.lock names."""
    odb = HashFileDB(LocalFileSystem(), str(repository.folder / ".dvc/cache/files/md5"))
    ignore = Repo(str(repository.folder)).dvcignore
    found = []
    for stage, outs in lock(repository).items():
        for path, md5 in outs.items():
            try:
                _, _, made = build(odb, str(repository.folder / path), odb.fs, "md5", dry_run=True, ignore=ignore)
            except FileNotFoundError:
                found.append(f"{path}, which {stage} wrote, is missing")
                continue
            if made.hash_info.value != md5:
                found.append(f"{path} is not what {stage} wrote")
    return found


def lock(repository: Repository) -> dict[str, dict[str, str]]:
    """The outs in dvc.lock of every stage of the profile, with their hashes."""
    path = repository.folder / "dvc.lock"
    entries = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))["stages"]
    return {
        stage: {out["path"]: out["md5"] for out in entry["outs"]} for stage, entry in entries.items() if "tiny" in stage
    }


def leftovers(repository: Repository) -> list[str]:
    """Temporary files where the artifact writes."""
    return [
        str(path.relative_to(repository.folder))
        for top in ("data", "reports")
        for path in (repository.folder / top).rglob(".*")
        if path.name != ".gitignore"
    ]


def last_line(text: str) -> str:
    """What a command said last."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it failed without a word"


def told(outcomes: Iterable[Outcome], log: Path) -> None:
    """Keep what became of every fault, a line each."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(f"{outcome}\n" for outcome in outcomes), encoding="utf-8")


# --- counts, for the README ---------------------------------------------------------------------------------

RELIABILITY = ROOT / "reports" / "reliability.json"

Kind = Literal[
    "kills", "full_disk", "corruptions", "caches", "concurrent", "transfers", "workers", "bad_inputs",
    "everyday_trials",
]  # fmt: skip


class Count(BaseModel):
    """Faults of one kind.

    Attributes:
        tried: how many were made to happen.
        survived: after how many nothing was lost, nothing wrong was accepted, and one clear line said what happened.
        what: what they were, a line for the reader.
        command: what makes them.
        date, commit, machine: when, on which code and where.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tried: NonNegativeInt
    survived: NonNegativeInt
    what: str
    command: str
    date: str
    commit: str
    machine: str

    @model_validator(mode="after")
    def _no_more_than_tried(self) -> Count:
        if self.survived > self.tried:
            raise ValueError(f"survived = {self.survived} must be at most tried = {self.tried}")
        return self


def keep(kind: Kind, tried: int, survived: int, what: str, command: str, path: Path = RELIABILITY) -> None:
    """Put the count of one kind of fault in the place of the one before."""
    counts = json.loads(path.read_text()) if path.exists() else {}
    count = Count(
        tried=tried,
        survived=survived,
        what=what,
        command=command,
        date=datetime.now(UTC).date().isoformat(),
        commit=_commit(),
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    )
    counts[kind] = count.model_dump()
    write_text(path, json.dumps(dict(sorted(counts.items())), indent=2) + "\n")


def _commit() -> str:
    """The commit tried, marked where other files than the counts differ from it."""
    found = _git("describe", "--always", "--abbrev=12")
    changed = _git("status", "--porcelain", "--untracked-files=no", ".", f":!{RELIABILITY.relative_to(ROOT)}")
    return (found or "unknown") + ("-dirty" if changed else "")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()
