"""One value beside the committed one: how far it may lie from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

from tools.verify.tolerances import ACCURACY_ELSEWHERE, TOLERANCES, of_column
from xbarpaper.claims.schema import OUTCOMES

VERDICTS: Final = ("verdict", "overall", "by_mitigation")
"""Columns and keys that hold a verdict."""

# Columns and keys that put other numbers of the report into words, or count its verdicts.
_IN_WORDS: Final = ("summary", "needed_seeds", "conventions_summary", "notes", "counts")
MOVED: Final = "an overall verdict that moved to a neighbouring one"
TURNED: Final = "a single verdict that turned to its opposite, of another training"
_NOTHING: Final = ("", "null", "True", "False")  # of a column of numbers or marks
MACHINE: Final = "hardware"
"""Column of the machine, number of threads and arithmetic that a network was trained with."""

Origin = Literal["the same tables", "measured anew", "measured on another machine"]
"""Where the numbers come from that are compared with the committed ones."""


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


def judged(found: Difference, table: str, level: str, origin: Origin) -> Difference:
    """A value that is, as text, not the committed one, with its share of what is allowed.

    Args:
        found: where it stands, and the two values.
        table: name of its table; ``claims`` for ``claims.json``.
        level: of the verdict that it belongs to; empty where it belongs to none.
        origin: of the tables from which this value may be computed.
    """
    remeasured = origin != "the same tables"
    if found.column == MACHINE:
        return replace(found, share=0.0, note="another machine or number of threads")
    if found.column in (*VERDICTS, *_IN_WORDS):
        if not remeasured:
            return replace(found, note="its tables are identical")
        if found.column in _IN_WORDS:
            return replace(found, share=0.0, note="told anew")
        share, note = _verdict(level, {found.committed.strip('"'), found.now.strip('"')}, origin)
        return replace(found, share=share, note=note)
    tolerance = of_column(table, found.column, remeasured)
    if tolerance is TOLERANCES["accuracy"] and origin == "measured on another machine":
        tolerance = ACCURACY_ELSEWHERE
    before, after = _number(found.committed), _number(found.now)
    if math.isinf(tolerance.absolute):
        known = all(text in _NOTHING or _number(text) is not None for text in (found.committed, found.now))
        return replace(found, share=0.0) if known else found
    if before is None or after is None:
        return found
    allowed, off = tolerance.allowed(before, after), abs(after - before)
    share = off / allowed if allowed else math.inf
    if off <= allowed * (1 + 1e-9):  # numbers are written to nine digits
        share = min(share, 1.0) if allowed else 0.0
    return replace(found, share=share, allowed=allowed)


def _verdict(level: str, both: set[str], origin: Origin) -> tuple[float, str]:
    """A verdict may move, but not to the opposite; on the same kind of machine one over everything must stay.

    On another kind, whose networks are others, a single comparison may turn: it speaks of one network.
    """
    elsewhere = origin == "measured on another machine"
    if both == {"supported", "contradicted"}:
        return (0.0, TURNED) if elsewhere and level != "overall" else (math.inf, "the opposite verdict")
    if level == "overall" and both <= set(OUTCOMES):
        return (0.0, MOVED) if elsewhere else (math.inf, "the overall verdict must stay")
    return (0.0, "to a neighbouring verdict") if both <= set(OUTCOMES) else (math.inf, "not a verdict")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _short(text: str) -> str:
    return (text if len(text) <= 60 else f"{text[:57]}...") or "nothing"
