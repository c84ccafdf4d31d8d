"""One value beside the committed one: how far it may lie from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from tools.verify.tolerances import NOT_COMPARED, Tolerance, of_column

VERDICTS: Final = ("verdict", "overall", "by_mitigation", "accuracy_verdict")
"""Columns and keys that hold a verdict."""

_TELLS: Final = ("summary", "needed_seeds", "conventions_summary", "notes", "counts")
"""Columns and keys that put other numbers of the report into words, or count its verdicts."""

_MACHINE: Final = "hardware"
_OPPOSITE: Final = {"supported", "not supported"}


@dataclass(frozen=True)
class Difference:
    """One value that is not the committed one.

    Attributes:
        file: relative to the report.
        row, column: where in the file; both may be empty.
        committed, now: the values, as text.
        allowed: by how much the number may differ; None for what is not a number.
        share: the difference as a share of what is allowed; above 1 is outside.
        note: what else there is to say.
    """

    file: str
    row: str = ""
    column: str = ""
    committed: str = ""
    now: str = ""
    allowed: float | None = None
    share: float = math.inf
    note: str = ""

    @property
    def outside(self) -> bool:
        """Whether it is more than the tolerance allows."""
        return self.share > 1

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.file, self.row, self.column) if part)
        values = f"{_short(self.committed)} committed, {_short(self.now)} now" if self.column else ""
        allowed = "" if self.allowed is None else f"a difference of {self.allowed:.3g} is allowed"
        return f"{place}: " + "; ".join(part for part in (values, allowed, self.note) if part)


@dataclass(frozen=True)
class Place:
    """Where a value stands.

    Attributes:
        file: relative to the report.
        row: its row in words, or its path in JSON.
        column: its column or key, which decides what is allowed.
        table: name of the table; ``claims`` for ``claims.json``.
        level: of the verdict that it belongs to; empty where it belongs to none.
        remeasured: whether some table that the stages measured differs, from which this value may be computed.
    """

    file: str
    row: str
    column: str
    table: str
    level: str
    remeasured: bool


def difference(place: Place, committed: str, now: str) -> Difference:
    """What to say of a value that is, as text, not the committed one."""

    def found(share: float, note: str = "", allowed: float | None = None) -> Difference:
        return Difference(place.file, place.row, place.column, committed, now, allowed, share, note)

    if place.column == _MACHINE:
        return found(0.0, "another machine or number of threads")
    if place.column in VERDICTS:
        return found(*_verdict(place, committed, now))
    if place.column in _TELLS:
        return found(0.0, "told anew") if place.remeasured else found(math.inf, "its tables are identical")
    allowed = of_column(place.table, place.column, place.remeasured)
    if allowed is NOT_COMPARED:
        return found(0.0)
    before, after = _number(committed), _number(now)
    if before is None or after is None:
        return found(math.inf)
    return found(_share(before, after, allowed), allowed=allowed.allowed(before))


def _verdict(place: Place, committed: str, now: str) -> tuple[float, str]:
    """A verdict over everything must stay; a single one may move to or from undecided, by which seeds it is drawn."""
    if not place.remeasured:
        return math.inf, "its tables are identical"
    if place.level == "overall":
        return math.inf, "the overall verdict must stay"
    if {committed.strip('"'), now.strip('"')} == _OPPOSITE:
        return math.inf, "the opposite verdict"
    if "undecided" not in (committed.strip('"'), now.strip('"')):
        return math.inf, "not a verdict"
    return 0.0, "to or from undecided"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _share(committed: float, now: float, tolerance: Tolerance) -> float:
    off, allowed = abs(now - committed), tolerance.allowed(committed)
    if off <= allowed * (1 + 1e-9):  # numbers are written to nine digits
        return min(off / allowed, 1.0) if allowed else 0.0
    return off / allowed if allowed else math.inf


def _short(text: str) -> str:
    return (text if len(text) <= 60 else f"{text[:57]}...") or "nothing"
