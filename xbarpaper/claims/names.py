"""What figures, claims and the report call pruning schemes and gain modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from xbarpaper.support.words import square

SCHEME_NAMES: Final = {
    "unpruned": "unpruned",
    "cf": "C/F",
    "xcs": "XCS",
    "xrs": "XRS",
    "unstructured": "unstructured",
}


MAPPED: Final = ["experiment", "scheme", "crossbar_size"]
"""Columns that tell one mapped network."""


def network_words(scheme: str, crossbar_size: int | None) -> str:
    """A pruned network in a sentence, such as ``XCS for 16 × 16``, or ``C/F`` where the size does not matter."""
    name = SCHEME_NAMES.get(scheme, scheme)
    return name if crossbar_size is None else f"{name} for {square(crossbar_size)}"


def gain_words(mode: str) -> str:
    """A gain mode of the readout, such as ``a gain per layer``."""
    return "no gain" if mode == "none" else f"a gain per {mode}"


def sizes(table: pd.DataFrame) -> list[int]:
    """The crossbar sizes of a table, ascending."""
    return sorted(int(size) for size in table["crossbar_size"].dropna().unique())


def present(order: Sequence[str], values: Sequence[object]) -> list[str]:
    """The members of ``order`` that occur in ``values``, then any others, sorted."""
    found = {str(value) for value in values}
    return [name for name in order if name in found] + sorted(found - set(order))
