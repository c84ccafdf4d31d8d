"""What a verification found, in words and as JSON."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt

from tools.verify.comparing import STATES, Comparison
from xbarpaper.support import files

RECORD: Final = Path("reports/verify.json")
"""Where the maintainers keep what their own verification of the committed reports found."""

LINES: Final = 40
"""Most differences that are told one by one."""


class Outcome(BaseModel):
    """A verification of a profile.

    Attributes:
        profile: which.
        identical, within, outside: numbers of files.
        values_within: single values that differ within their tolerance.
        largest: the number that came nearest to its tolerance; empty where all are equal.
        differences: what was outside, the first ``LINES``.
        seconds: that the run took, without what an interrupted one had done; 0 where nothing ran.
        threads: of the run; None where torch chose.
        command: that made this.
        date, commit, machine: when, on which code and where.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str
    identical: NonNegativeInt
    within: NonNegativeInt
    outside: NonNegativeInt
    values_within: NonNegativeInt
    largest: str
    differences: list[str]
    seconds: NonNegativeFloat
    threads: NonNegativeInt | None
    command: str
    date: str
    commit: str
    machine: str

    @classmethod
    def of(
        cls, comparison: Comparison, *, profile: str, seconds: float, threads: int | None, commit: str
    ) -> Outcome:
        """What to keep of a comparison."""
        return cls(
            profile=profile,
            **{state: comparison.count(state) for state in STATES},
            values_within=sum(not found.outside for found in comparison.differences),
            largest=str(comparison.largest or ""),
            differences=[str(found) for found in comparison.outside[:LINES]],
            seconds=round(seconds, 1),
            threads=threads,
            command=f"python -m tools.verify --profile {profile}",
            date=datetime.now(UTC).date().isoformat(),
            commit=commit[:12],
            machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        )

    def write(self, path: Path) -> Path:
        """Write it as JSON, atomically."""
        return files.write_text(path, self.model_dump_json(indent=2) + "\n")


def told(comparison: Comparison) -> str:
    """The comparison in words: a line per difference that is outside, then how many files are what."""
    lines = [f"outside: {found}" for found in comparison.outside[:LINES]]
    if (more := len(comparison.outside) - LINES) > 0:
        lines.append(f"outside: and {more} more values")
    if comparison.largest is not None:
        lines.append(f"nearest to its tolerance: {comparison.largest}")
    identical, within, outside = map(comparison.count, STATES)
    return "\n".join([*lines, f"{identical} files identical, {within} within tolerance, {outside} outside"])
