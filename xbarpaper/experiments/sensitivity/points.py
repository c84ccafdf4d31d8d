"""Which points there are: along every axis around the profile's own point, and on the maps over pairs of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from xbarpaper.experiments.sensitivity.axes import (
    Axes,
    Axis,
    Conditions,
    Value,
    own_conditions,
    own_values,
    text_of,
)
from xbarpaper.params import SCHEMES, Params, SchemeName
from xbarpaper.pruning import SCHEMES as PRUNING

_MAP_SCHEMES: Final[tuple[SchemeName, ...]] = ("unpruned", "cf")


@dataclass(frozen=True)
class Point:
    """A place on an axis, or on a map of two."""

    axis: str  # name of the axis or map
    value: Value  # where on it; on a map, where on its first axis
    second: float | None  # where on a map's second axis; None on an axis
    at: Conditions  # what holds there
    schemes: tuple[SchemeName, ...] = SCHEMES  # the networks that are evaluated there

    @property
    def label(self) -> str:
        """``value`` as tables write it."""
        return text_of(self.value)


def plan(axes: Axes, params: Params, experiment: str) -> list[Point]:
    """All points: every axis with the profile's own value among its values, then the maps.

    Numbers ascend. Names come as they are listed, the profile's own first where it is not among them.
    """
    own = own_conditions(params, experiment, axes.settings.crossbar_size)
    at_home = own_values(axes, params, experiment)
    values = {name: _with_own(axis.values, at_home[name]) for name, axis in axes.single.items()}

    def moved(start: Conditions, axis: Axis, value: Value) -> Conditions:
        """What is at home already stays the very same: points that coincide are evaluated once."""
        return start if value == at_home[axis.name] else axis.moved(start, value)

    points = []
    for name, axis in axes.single.items():
        for value in values[name]:
            at = moved(own, axis, value)
            there = SCHEMES
            if at.crossbar_size != own.crossbar_size:
                there = tuple(s for s in SCHEMES if _trained_for(s, at.crossbar_size, params))
            points.append(Point(name, value, None, at, there))
    for name, (first, second) in axes.maps.items():
        for one in values[first.name]:
            for other in values[second.name]:
                at = moved(moved(own, first, one), second, other)
                points.append(Point(name, one, float(other), at, _MAP_SCHEMES))
    return points


def _with_own(values: Sequence[Value], own: Value) -> list[Value]:
    if isinstance(own, str):
        return list(values) if own in values else [own, *values]
    others = [float(value) for value in values if not math.isclose(float(value), own)]
    return sorted([*others, own])


def _trained_for(scheme: SchemeName, crossbar_size: int, params: Params) -> bool:
    """Whether a network of the scheme exists for crossbars of that size."""
    if scheme == "unpruned" or not PRUNING[scheme].depends_on_crossbar_size:
        return True
    return crossbar_size in params.mapping.crossbar_sizes
