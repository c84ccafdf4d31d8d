"""How many faults were tried and how many survived, kept in reports/reliability.json."""

from __future__ import annotations

import json
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, model_validator

from xbarpaper.support.files import write_text

ROOT = Path(__file__).parents[2]
RELIABILITY = ROOT / "reports" / "reliability.json"

Kind = Literal[
    "kills", "full_disk", "corruptions", "caches", "concurrent", "transfers", "workers", "bad_inputs"
]


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
