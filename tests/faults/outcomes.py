"""What became of a fault, and the counts that the README shows."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, model_validator
from repository import ROOT

from xbarpaper.support.files import write_text


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

    @classmethod
    def of(cls, fault: str, wrong: Sequence[str], told: str = "") -> Outcome:
        """Survived where nothing is wrong."""
        return cls(fault, not wrong, "; ".join(wrong[:5]) or told)

    def __str__(self) -> str:
        return f"{'survived' if self.survived else 'NOT SURVIVED'}: {self.fault}: {self.told}".rstrip(": ")


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
    changed = _git("status", "--porcelain", "--untracked-files=no", ".", f":!{RELIABILITY.relative_to(ROOT)}")
    count = Count(
        tried=tried, survived=survived, what=what, command=command, date=datetime.now(UTC).date().isoformat(),
        commit=(_git("describe", "--always", "--abbrev=12") or "unknown") + ("-dirty" if changed else ""),
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    )  # fmt: skip
    counts = json.loads(path.read_text()) if path.exists() else {}
    counts[kind] = count.model_dump()
    write_text(path, json.dumps(dict(sorted(counts.items())), indent=2) + "\n")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()
