"""An order of lines on crossbars, by pairwise swaps: the search behind two-dimensional rearrangement.

A *line* is a row or a column of a strip; it sits on one crossbar (or one row of crossbars) at one position. The search
knows nothing of circuits: it minimises

    sum over crossbars |sum over its lines of load(position) * feature(line)|^2
    + sum over lines of own(line) . place(position)

where the first term wants crossbars on which features cancel and the second says which line suits which position.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_MOST_PASSES = 8
_FEW_SWAPS = 0.01  # a pass that swaps a smaller share of the lines is the last
_ROUNDING = 1e-9  # of a line's own share of the objective: smaller gains are none

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Placing:
    """Lines and the positions that wait for them."""

    features: Floats  # what crossbars add up, shape (lines, features)
    load: Floats  # weight of a line's features at each position of a crossbar, shape (positions,)
    own: Floats  # properties of each line that decide where it sits best, shape (lines, properties)
    place: Floats  # the price of each of them at each position, shape (positions, properties)
    counts: Indices  # lines on each crossbar, none above ``positions``; they add up to ``lines``

    @property
    def crossbar(self) -> Indices:
        """Crossbar of each slot, shape (lines,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def position(self) -> Indices:
        """Position of each slot on its crossbar, shape (lines,)."""
        return np.concatenate([np.arange(count) for count in self.counts])


def swapped(placing: Placing) -> Indices:
    """An order of the lines that no swap of two lines improves, or nearly so.

    Line after line is swapped with the line that gains most. All gains of a line follow from the products of lines with
    lines and with the sums on crossbars, so that a pass over n lines costs O(n^2).

    Args:
        placing: lines and positions; the search starts with the lines as they are.

    Returns:
        The line of each slot, shape (lines,); what is minimised is no larger than at the start.
    """
    features, lines = placing.features, len(placing.features)
    crossbar, position = placing.crossbar, placing.position
    first = np.cumsum(placing.counts) - placing.counts
    order, everywhere = np.arange(lines), np.arange(lines)
    load, own, place = placing.load, placing.own.T.copy(), placing.place
    # of each line, kept up to date: its load, its prices, and its products with the sums on crossbars
    loads, prices = load[position], place[position].T.copy()
    products = features @ features.T
    squares = products.diagonal().copy()
    sums = np.zeros((len(placing.counts), features.shape[1]))
    np.add.at(sums, crossbar, loads[:, None] * features)
    with_sums = sums @ features.T  # (crossbars, lines)
    with_own_sum = loads * with_sums[crossbar, everywhere]
    smallest_gain = _ROUNDING * squares.mean() * np.square(load).mean()
    for _ in range(_MOST_PASSES):
        swaps = 0
        for line in range(lines):
            here, at = crossbar[line], loads[line]
            beside = order[first[here] : first[here] + placing.counts[here]]
            common = np.square(loads) + at**2
            common[beside] = np.square(loads[beside] - at)
            change = common * (squares + squares[line] - 2 * products[line])
            gained = at * (with_sums[here] - with_sums[here, line])
            gained -= with_own_sum
            gained += loads * with_sums[:, line][crossbar]
            change += 2 * gained
            for ours, theirs in zip(own, prices, strict=True):
                change += (ours - ours[line]) * (theirs[line] - theirs)
            change[line] = 0.0
            best = int(change.argmin())
            if change[best] >= -smallest_gain:
                continue
            other, moved = crossbar[best], products[best] - products[line]
            with_sums[here] += at * moved
            with_sums[other] -= loads[best] * moved
            for values in (crossbar, position, loads):
                values[[line, best]] = values[[best, line]]
            prices[:, [line, best]] = prices[:, [best, line]]
            order[first[crossbar[[line, best]]] + position[[line, best]]] = line, best
            for touched in (here, other):
                on_it = order[first[touched] : first[touched] + placing.counts[touched]]
                with_own_sum[on_it] = loads[on_it] * with_sums[touched, on_it]
            swaps += 1
        if swaps < _FEW_SWAPS * lines:
            break
    return order
