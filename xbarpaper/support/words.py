"""Small pieces of sentences: lists, numbers of things, sizes."""

from __future__ import annotations

from collections.abc import Sequence


def join(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))


def count(number: int, noun: str) -> str:
    """``1 seed``, ``5 seeds``, ``10,000 seeds``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def square(size: int) -> str:
    """``16 × 16``."""
    return f"{size} × {size}"


def signed(value: float) -> str:
    """``+0.09``; what rounds to zero keeps its sign, so that ``-0.00`` is below zero."""
    return f"{round(value, 9) + 0.0:+.2f}"
