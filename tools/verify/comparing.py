"""Two report folders, file by file: identical, within tolerance, or outside."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from tools.verify import shown
from tools.verify.values import MACHINE, MOVED, TURNED, VERDICTS, Difference, Origin, judged
from xbarpaper.experiments.results import TABLES
from xbarpaper.support.errors import ArtifactError

State = Literal["identical", "within", "outside"]
STATES: Final[tuple[State, ...]] = get_args(State)
LINES: Final = 40
"""Most differences that are told one by one."""

_DERIVED_KEYS: Final = {
    "claims": ("claim", "level", "experiment", "crossbar_size", "scheme", "mitigation"),
    "recovered": ("experiment", "scheme", "crossbar_size", "mitigation"),
    "published_claims": ("convention", "claim"),
}
_CHOSEN: Final = {
    "batch_norms": ("r_min_ohm", "gain"),
    "published_like": ("r_min_ohm", "gain"),
    "published_claims": ("convention",),
}
"""Columns of the convention that came nearest to what is published: networks trained elsewhere may choose another."""
_CLAIMS: Final = "claims.json"
_METRICS: Final = "metrics.json"
_WHOLE: Final = ("counts", "notes")
"""Keys of ``claims.json`` that are one value: lists of sentences and counts of verdicts, as long as they happen to be."""


@dataclass(frozen=True)
class Comparison:
    """What became of every file of two reports."""

    states: dict[str, State] = field(default_factory=dict)  # by file, relative to the report
    # Every value that is not the committed one, outside or within
    differences: list[Difference] = field(default_factory=list)

    def __str__(self) -> str:
        """A line per difference that is outside, then how many files are what."""
        lines = [f"outside: {found}" for found in self.outside[:LINES]]
        if (more := len(self.outside) - LINES) > 0:
            lines.append(f"outside: and {more} more values")
        lines += [
            f"moved: {found}"
            for found in self.differences
            if found.note in (MOVED, TURNED) and found.file == _CLAIMS
        ]
        if self.largest is not None:
            lines.append(f"nearest to its tolerance: {self.largest}")
        identical, within, outside = map(self.count, STATES)
        return "\n".join(
            [*lines, f"{identical} files identical, {within} within tolerance, {outside} outside"]
        )

    def summary(self) -> dict[str, Any]:
        """What to keep: numbers of files, of values within their tolerance, and the first that are outside."""
        return {
            **{state: self.count(state) for state in STATES},
            "values_within": sum(not found.outside for found in self.differences),
            "largest": str(self.largest or ""),
            "differences": [str(found) for found in self.outside[:LINES]],
        }

    def count(self, state: State) -> int:
        """How many files are so."""
        return sum(found == state for found in self.states.values())

    @property
    def outside(self) -> list[Difference]:
        """What is more than the tolerances allow."""
        return [found for found in self.differences if found.outside]

    @property
    def largest(self) -> Difference | None:
        """The number that comes nearest to its tolerance, of those within."""
        numbers = [found for found in self.differences if found.allowed is not None and not found.outside]
        return max(numbers, key=lambda found: found.share, default=None)


def compare(committed: Path, now: Path) -> Comparison:
    """Compare two folders of reports.

    Where the tables that the stages measured are identical, so must be what is computed from them: tolerances hold
    only where something measured differs.

    Args:
        committed: the report that is believed, such as ``reports/quick``.
        now: the one to judge.

    Raises:
        ArtifactError: one of them is not a report.
    """
    for folder in (committed, now):
        if not (folder / _CLAIMS).is_file():
            raise ArtifactError(f"{folder}: not a report: it has no {_CLAIMS}")
    theirs, ours = _files(committed), _files(now)
    measured = {f"tables/{table}.csv" for table in TABLES}
    origin: Origin = "the same tables"
    if any(not _same(committed / name, now / name) for name in theirs | ours if name in measured):
        elsewhere = _machines(committed) != _machines(now)
        origin = "measured on another machine" if elsewhere else "measured anew"
    comparison = Comparison()
    for name in sorted(theirs | ours):
        if _same(committed / name, now / name):
            comparison.states[name] = "identical"
            continue
        if name not in ours:
            found = [Difference(name, note="committed, and not made now")]
        elif name not in theirs:
            found = [Difference(name, note="made now, and not committed")]
        else:
            found = list(_differences(name, committed / name, now / name, origin))
        comparison.states[name] = "outside" if any(each.outside for each in found) else "within"
        comparison.differences.extend(found)
    return comparison


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _machines(report: Path) -> set[str]:
    """What a report's networks were trained on."""
    header, *rows = _cells(report / "tables" / "software.csv")
    return {row[header.index(MACHINE)] for row in rows}


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def _differences(name: str, committed: Path, now: Path, origin: Origin) -> Iterator[Difference]:
    """What differs between two files of one name whose bytes differ."""
    try:
        if committed.suffix == ".csv":
            yield from _tables(name, _cells(committed), _cells(now), origin)
        elif name in (_CLAIMS, _METRICS):
            before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (committed, now))
            yield from _trees(name, before, after, origin)
        else:
            will_do, note = shown.judge(committed, now, origin != "the same tables")
            yield Difference(name, note=note, share=0.0 if will_do else math.inf)
    except (ValueError, csv.Error) as error:  # not UTF-8, not JSON, not an image, not a table
        yield Difference(name, note=f"damaged: {' '.join(str(error).split()):.100}")


def _cells(path: Path) -> list[list[str]]:
    """A table as text, its columns first: cells that are the same text need no tolerance."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    if not rows:
        raise ValueError("an empty table")
    if ragged := [number for number, row in enumerate(rows) if len(row) != len(rows[0])]:
        raise ValueError(f"row {ragged[0]} has not as many cells as there are columns")
    return rows


def _tables(
    name: str, committed: list[list[str]], now: list[list[str]], origin: Origin
) -> Iterator[Difference]:
    columns, table = committed[0], Path(name).stem
    if columns != now[0]:
        yield Difference(name, "", "columns", ",".join(columns), ",".join(now[0]))
        return
    if len(committed) != len(now):
        yield Difference(name, "", "number of rows", str(len(committed) - 1), str(len(now) - 1))
        return
    keys = TABLES[table].keys if table in TABLES else _DERIVED_KEYS.get(table, ())
    for theirs, ours in zip(committed[1:], now[1:], strict=True):
        if theirs == ours:
            continue
        cells = dict(zip(columns, theirs, strict=True))
        row = " ".join(cells[key] for key in keys if cells.get(key))
        chosen = [column for column in _CHOSEN.get(table, ()) if cells[column] != ours[columns.index(column)]]
        if chosen and origin == "measured on another machine":  # the row is about something else
            note = "another convention came nearest to what is published"
            yield Difference(
                name, row, chosen[0], cells[chosen[0]], ours[columns.index(chosen[0])], None, 0.0, note
            )
            continue
        for column, after in zip(columns, ours, strict=True):
            if cells[column] != after:
                found = Difference(name, row, column, cells[column], after)
                yield judged(found, table, cells.get("level", ""), origin)


def _trees(
    name: str, committed: Any, now: Any, origin: Origin, path: str = "", level: str = ""
) -> Iterator[Difference]:
    """Two JSON values in parallel; a value has the tolerance of its key, as the column of the same name."""
    key = _key(path)
    kinds = {type(committed), type(now)} if key not in _WHOLE else set()
    if kinds == {dict}:
        if committed.keys() != now.keys():
            yield Difference(name, path, "keys", ",".join(committed), ",".join(now))
            return
        level = "overall" if key == "by_mitigation" else str(committed.get("level", level))
        for inner in committed:
            inside = f"{path}.{inner}" if path else str(inner)
            yield from _trees(name, committed[inner], now[inner], origin, inside, level)
    elif kinds == {list} and len(committed) == len(now):
        for index, (one, other) in enumerate(zip(committed, now, strict=True)):
            yield from _trees(name, one, other, origin, f"{path}[{index}]", level)
    elif (before := json.dumps(committed)) != (after := json.dumps(now)):
        parent = _key(path.rpartition(".")[0])
        found = Difference(name, path, parent if parent in VERDICTS else key, before, after)
        table = "own" if path.startswith("own[") else name.removesuffix(".json")
        yield judged(found, table, "overall" if key == "overall" else level, origin)


def _key(path: str) -> str:
    """The last key of a path such as ``claims[0].counts``, without an index."""
    return re.sub(r"(\[\d+\])+$", "", path).rpartition(".")[2]
