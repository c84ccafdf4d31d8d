"""One value beside the committed one: how far it may lie from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from tools.verify.tolerances import of_column
from xbarpaper.claims.schema import OUTCOMES

VERDICTS: Final = ("verdict", "overall", "by_mitigation")
"""Columns and keys that hold a verdict."""

# Columns and keys that put other numbers of the report into words, or count its verdicts.
_IN_WORDS: Final = ("summary", "needed_seeds", "conventions_summary", "notes", "counts")
_MACHINE: Final = "hardware"


@dataclass(frozen=True)
class Difference:
    """One value that is not the committed one."""

    file: str  # relative to the report
    # Where in the file; both may be empty
    row: str = ""
    column: str = ""
    # The values, as text
    committed: str = ""
    now: str = ""
    allowed: float | None = None  # by how much the number may differ; None for what is not a number
    share: float = math.inf  # the difference as a share of what is allowed; above 1 is outside
    note: str = ""  # what else there is to say

    @property
    def outside(self) -> bool:
        """Whether it is more than the tolerance allows."""
        return self.share > 1

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.file, self.row, self.column) if part)
        values = f"{_short(self.committed)} committed, {_short(self.now)} now" if self.column else ""
        allowed = "" if self.allowed is None else f"a difference of {self.allowed:.3g} is allowed"
        return f"{place}: " + "; ".join(part for part in (values, allowed, self.note) if part)


def judged(found: Difference, table: str, level: str, remeasured: bool) -> Difference:
    """A value that is, as text, not the committed one, with its share of what is allowed.

    Args:
        found: where it stands, and the two values.
        table: name of its table; ``claims`` for ``claims.json``.
        level: of the verdict that it belongs to; empty where it belongs to none.
        remeasured: whether some table that the stages measured differs, from which this value may be computed.
    """
    if found.column == _MACHINE:
        return replace(found, share=0.0, note="another machine or number of threads")
    if found.column in (*VERDICTS, *_IN_WORDS):
        if not remeasured:
            return replace(found, note="its tables are identical")
        if found.column in _IN_WORDS:
            return replace(found, share=0.0, note="told anew")
        share, note = _verdict(level, {found.committed.strip('"'), found.now.strip('"')})
        return replace(found, share=share, note=note)
    tolerance = of_column(table, found.column, remeasured)
    if math.isinf(tolerance.absolute):
        return replace(found, share=0.0)
    before, after = _number(found.committed), _number(found.now)
    if before is None or after is None:
        return found
    allowed, off = tolerance.allowed(before), abs(after - before)
    share = off / allowed if allowed else math.inf
    if off <= allowed * (1 + 1e-9):  # numbers are written to nine digits
        share = min(share, 1.0) if allowed else 0.0
    return replace(found, share=share, allowed=allowed)


def _verdict(level: str, both: set[str]) -> tuple[float, str]:
    """A verdict over everything must stay; a single one may move, by which seeds it is drawn, but not to the opposite."""
    if level == "overall":
        return math.inf, "the overall verdict must stay"
    if both == {"supported", "contradicted"}:
        return math.inf, "the opposite verdict"
    return (0.0, "to a neighbouring verdict") if both <= set(OUTCOMES) else (math.inf, "not a verdict")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _short(text: str) -> str:
    return (text if len(text) <= 60 else f"{text[:57]}...") or "nothing"
