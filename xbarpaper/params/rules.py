"""Rules that several sections share, told in one way: what, which value, what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xbarpaper.params.names import FIRST_SECONDS


def require_among(name: str, value: Any, others: str, allowed: Sequence[Any]) -> None:
    """Refuse a value that another parameter does not list.

    Raises:
        ValueError: it is not among them.
    """
    if value not in allowed:
        raise ValueError(f"{name} = {value} must be among {others} = {', '.join(map(str, allowed))}")


def require_slices(section: str, weight_slices: int, weight_bits: int) -> None:
    """Refuse more slices of a weight than its magnitude has bits.

    Raises:
        ValueError: some slice would have none.
    """
    if weight_slices > weight_bits - 1:
        raise ValueError(
            f"{section}.weight_slices = {weight_slices} must be at most {weight_bits - 1}, the bits of "
            f"{section}.weight_bits but for the sign"
        )


def require_after_programming(name: str, seconds: float, setting: str, preset: str) -> None:
    """Refuse a time before a published drift or read noise holds.

    Args:
        name: of the parameter that is the time.
        seconds: since programming.
        setting: name of the parameter that chooses the drift or the noise.
        preset: what it chooses; ``none``, and noise that is not published, hold from the beginning.

    Raises:
        ValueError: the time is too early.
    """
    first = FIRST_SECONDS.get(preset, 0.0)
    if seconds < first:
        raise ValueError(
            f"{name} = {seconds!r} must be at least {first!r}, from when on {setting} = {preset} holds"
        )
