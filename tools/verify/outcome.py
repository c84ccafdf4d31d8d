"""What a verification found, in words and as JSON."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt

from tools.verify.comparing import Comparison
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

    def write(self, path: Path) -> Path:
        """Write it as JSON, atomically."""
        return files.write_text(path, self.model_dump_json(indent=2) + "\n")


def outcome(
    comparison: Comparison, *, profile: str, seconds: float, threads: int | None, command: str, commit: str
) -> Outcome:
    """What to keep of a comparison."""
    return Outcome(
        profile=profile,
        identical=comparison.count("identical"),
        within=comparison.count("within"),
        outside=comparison.count("outside"),
        values_within=sum(not found.outside for found in comparison.differences),
        largest=str(comparison.largest or ""),
        differences=[str(found) for found in comparison.outside[:LINES]],
        seconds=round(seconds, 1),
        threads=threads,
        command=command,
        date=datetime.now(UTC).date().isoformat(),
        commit=commit,
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    )


def told(comparison: Comparison) -> str:
    """The comparison in words: a line per difference that is outside, then how many files are what."""
    lines = [f"outside: {found}" for found in comparison.outside[:LINES]]
    if (more := len(comparison.outside) - LINES) > 0:
        lines.append(f"outside: and {more} more values")
    identical, within, outside = (comparison.count(state) for state in ("identical", "within", "outside"))
    if comparison.largest is not None:
        lines.append(f"nearest to its tolerance: {comparison.largest}")
    lines.append(f"{identical} files identical, {within} within tolerance, {outside} outside")
    return "\n".join(lines)
