"""R2D, two-dimensional rearrangement: rows and columns of each strip where the wires distort the weights least.

Not in the paper. Its R sorts columns by mean conductance; here both rows and columns move, on the same number of
crossbars and with the same programmed conductances, and what is minimised is the error of the weights that come back.

**What the wires do, to first order.** Write a differential pair as D = G+ - G- (the weights) and T = (G+ + G-) / 2 (the
load). With K_r and K_c of `circuit.wires` a crossbar conducts ``G - G*(G K_r) - (K_c G)*G``, so that the weights lose

    D * (c_r + c_c)  +  T * (d_r + d_c),     c_r = T K_r, d_r = D K_r,  c_c = K_c T, d_c = K_c D.

The first term scales weights; the readout's gain takes its mean away and leaves the differences between crossbars, rows
and columns. The second is an offset that a column (or row) whose weights do not add up to zero on a crossbar lays over
all its devices, zero weights included, and no gain removes it. So each crossbar should hold as much load as any other,
and *positive and negative weights in balance*, in every row and column.

**What is done.** Padding is spread: a strip of 144 rows fills crossbars of 64 with 48 rows each, not 64, 64 and 16.
Then columns, then rows, are exchanged pairwise (`swaps`) to minimise the squares above, K being represented by its
largest mode: ``load`` is that mode along the wire. Positions matter too: a line with large weights and a large load of
its own sits best where the wires of the other direction take least, a column by the drivers, a row by the sense circuits.
At last the circuits of the crossbars are solved exactly for each arrangement found, for R in both orders and for none:
the least error wins, so that no layer is ever predicted to be worse than without.

Nothing here sees a draw of the devices' variation.

**What no arrangement removes.** Activations after a ReLU are positive, so what a layer computes meets the *sum* of a
column's errors more than their squares. Summed over the crossbars that a column crosses, its offsets are about
T K D each, hence in total the mean load times K times the sum of all its weights, whatever rows share a crossbar. A
network therefore gains less accuracy than the error of its weights suggests, until its batch norms are re-estimated on
the crossbars, which removes exactly such offsets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

import numpy as np
import torch

from xbarpaper.hardware.circuit import Parasitics, shared_resistance
from xbarpaper.hardware.conductances import conductances
from xbarpaper.hardware.mapped import Arrangement, LayerPlan
from xbarpaper.mitigation.parts import Costs, Mitigation
from xbarpaper.mitigation.rearrange import columns_ordered, squared_errors
from xbarpaper.mitigation.swaps import Floats, Indices, Placing, swapped
from xbarpaper.params import Devices, Gain, Params, Rearrange
from xbarpaper.pruning.compaction import Strip


def arranged_in_two_dimensions(
    devices: Devices, parasitics: Parasitics, gain: Gain, rounds: int
) -> Arrangement:
    """Order the rows and the columns of each strip so that the wires distort the weights least.

    The two arrays of a differential pair share the order, and the index maps of the tiles undo it: ideal results do not
    change. A strip comes back as one strip for each of its crossbars; together they hold its cells,
    on as many crossbars as before.

    Args:
        gain: calibration of the readout at which arrangements are compared.
        rounds: how often columns and then rows are exchanged; 0 only spreads the padding.

    Returns:
        The arrangement: it gives a plan whose ``predicted_error`` is at most that of the plan given, or of it ordered by
        mean conductance.
    """

    def arranged(plan: LayerPlan) -> LayerPlan:
        if parasitics.ideal:
            return plan
        in_order = (columns_ordered(Rearrange(order=order))(plan) for order in ("ascending", "descending"))
        candidates = [plan, *in_order, *_exchanged(plan, devices, parasitics, rounds)]
        # min keeps the first of equals: what gains nothing moves nothing
        return min(candidates, key=lambda candidate: predicted_error(candidate, devices, parasitics, gain))

    return arranged


def predicted_error(plan: LayerPlan, devices: Devices, parasitics: Parasitics, gain: Gain) -> float:
    """Error of the weights that the crossbars of a layer stand for, as programmed, with their circuits solved exactly.

    Returns:
        sum (gain * W' - W)^2 over sum W^2; 0 for a layer without weights.
    """
    power = float(plan.matrix.double().square().sum())
    return float(squared_errors(devices, parasitics, gain)(plan).sum()) / power if power else 0.0


def _exchanged(plan: LayerPlan, devices: Devices, parasitics: Parasitics, rounds: int) -> Iterator[LayerPlan]:
    """The plan with its padding spread, and then after each round."""
    blocks = [_Block.of(strip, plan, devices) for strip in plan.strips]
    for left in reversed(range(rounds + 1)):
        yield replace(plan, strips=tuple(strip for block in blocks for strip in block.strips()))
        if left:
            blocks = [block.exchanged(plan.crossbar_size, parasitics) for block in blocks]


@dataclass(frozen=True)
class _Block:
    """A strip on its crossbars: ``strip`` in the present order, and how many lines each crossbar holds.

    D and T, siemens, shape (rows, columns) of the strip, are those of the module's text.
    """

    strip: Strip
    D: Floats
    T: Floats
    row_counts: Indices
    column_counts: Indices

    @staticmethod
    def of(strip: Strip, plan: LayerPlan, devices: Devices) -> _Block:
        weights = plan.matrix[strip.rows[:, None], strip.columns[None, :]].double()
        pair = conductances(weights, devices, plan.w_max)
        counts = (_evenly(len(lines), plan.crossbar_size) for lines in (strip.rows, strip.columns))
        return _Block(strip, (pair.plus - pair.minus).numpy(), (pair.plus + pair.minus).numpy() / 2, *counts)

    def strips(self) -> Iterator[Strip]:
        """One strip for each crossbar, so that none holds more lines than counted."""
        for rows in self.strip.rows.split(self.row_counts.tolist()):
            for columns in self.strip.columns.split(self.column_counts.tolist()):
                yield Strip(rows, columns)

    def exchanged(self, crossbar_size: int, parasitics: Parasitics) -> _Block:
        """The block after one round: first its columns in a better order, then its rows."""
        # A row's end, the driver, comes before its first node: hence both orders reversed.
        along = shared_resistance(crossbar_size, parasitics.driver_ohm, parasitics.row_wire_ohm)
        along = along[::-1, ::-1].copy()
        down = shared_resistance(crossbar_size, parasitics.sense_ohm, parasitics.column_wire_ohm)
        columns = swapped(_placing(self.D.T, self.T.T, self.column_counts, self.row_counts, along, down))
        D, T = self.D[:, columns], self.T[:, columns]
        rows = swapped(_placing(D, T, self.row_counts, self.column_counts, down, along))
        strip = Strip(self.strip.rows[torch.from_numpy(rows)], self.strip.columns[torch.from_numpy(columns)])
        return replace(self, strip=strip, D=D[rows], T=T[rows])


def _placing(
    D: Floats, T: Floats, counts: Indices, cross_counts: Indices, K: Floats, K_cross: Floats
) -> Placing:
    """Where lines sit best, the lines that cross them staying where they are.

    Args:
        D: differences of the pairs, siemens, shape (lines, crossing lines).
        T: loads, siemens, same shape.
        counts: lines on each crossbar.
        cross_counts: crossing lines on each crossbar.
        K: resistance that two positions of a crossing wire share, ohm, shape (size, size).
        K_cross: that of two positions along a line's own wire, ohm, same shape.
    """
    positions = int(counts.max())
    K = K[:positions, :positions]
    values, modes = np.linalg.eigh(K)
    load = values[-1] * np.abs(modes[:, -1])  # K is positive, so its largest mode is of one sign
    power = np.square(D)
    offsets = np.sqrt(np.square(T).mean(0)) * D
    scalings = np.sqrt(power.mean(0)) * (T - T.mean(0))
    profile = K.sum(1) * T.mean()  # c at each position, were all lines alike
    profile -= profile.mean()
    starts = np.cumsum(cross_counts) - cross_counts
    of_lines = K_cross.mean() * np.add.reduceat(T, starts, axis=1)  # c of each line on each crossbar
    power_there = np.add.reduceat(power, starts, axis=1)
    total = power.sum()
    mean = (power_there * of_lines).sum() / total if total > 0 else 0.0
    # D^2 (profile + of_lines - mean)^2, without what does not depend on the position
    own = np.stack([power.sum(1), (power_there * (of_lines - mean)).sum(1)], 1)
    place = np.stack([np.square(profile), 2 * profile], 1)
    return Placing(np.concatenate([offsets, scalings], 1), load, own, place, counts)


def _evenly(lines: int, size: int) -> Indices:
    """Lines on each of the fewest crossbars that hold them, one more or less."""
    crossbars = ceil(lines / size)
    return lines // crossbars + (np.arange(crossbars) < lines % crossbars)


@dataclass(frozen=True)
class InTwoDimensions:
    """Orders rows and columns for the least predicted error of the weights."""

    def arrangement(self, params: Params) -> Arrangement:
        """See ``Arranges.arrangement``."""
        rounds = params.beyond.arrangement_rounds
        return arranged_in_two_dimensions(params.devices, params.circuit, params.readout.gain, rounds)

    def costs(self, params: Params, images: int) -> Costs:
        """See ``Part.costs``: as it is, R in both orders, padding spread evenly, and after each round."""
        return Costs(circuit_solutions=4 + params.beyond.arrangement_rounds)


R2D: Final = Mitigation("R2D", arranges=InTwoDimensions())
