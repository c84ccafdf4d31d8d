"""Registries: what has a name in the parameters, and the class that the name stands for, in one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

Name = TypeVar("Name", bound=str)
Entry = TypeVar("Entry")


def registry(kind: str, names: Sequence[Name], entries: Iterable[tuple[Name, Entry]]) -> Mapping[Name, Entry]:
    """A table with exactly one entry for each name that parameters may hold, in the order of the names.

    Args:
        kind: what the entries are, for the message.
        names: the names that parameters may hold.
        entries: each with its name.

    Raises:
        ValueError: two entries have one name, a name has no entry, or parameters know no such name.
    """
    table: dict[Name, Entry] = {}
    for name, entry in entries:
        if name in table:
            raise ValueError(f"{kind} {name!r} is registered twice")
        table[name] = entry
    if missing := [name for name in names if name not in table]:
        raise ValueError(f"{kind} {missing[0]!r} is a name of the parameters but is not registered")
    if unknown := [name for name in table if name not in names]:
        raise ValueError(f"{kind} {unknown[0]!r} is registered but is not a name of the parameters")
    return {name: table[name] for name in names}
