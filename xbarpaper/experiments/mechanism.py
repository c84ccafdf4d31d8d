"""Where the accuracy goes: the error of the effective weights taken apart, and layers put on crossbars one at a time.

**Parts of the error.** With W the weights as programmed and W' those that the crossbars stand for, ever finer readouts
win back ever more of the error, each by least squares: one factor for the layer, one for each crossbar, one for each
column of each crossbar, and one for each row as well. What each wins over the one before is that part of the error; what
not even factors for rows and columns win back is the rest: sneak paths, and what differs from device to device.

**Layers.** A network of which one layer alone is on crossbars, or all layers but one, tells which layers cost accuracy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise

import pandas as pd
import torch
from torch import Tensor

from xbarpaper.experiments.evaluation import Case, disturbed
from xbarpaper.experiments.subject import Bench, Subject
from xbarpaper.hardware.readout import ReadOut, gain_factors
from xbarpaper.params import Effects, Gain
from xbarpaper.support import progress

PARTS = ("attenuation", "crossbars", "columns", "rows", "rest")
"""What is won back by one factor for the layer, by one for each crossbar, each column, each row; and what is not."""

# Of least squares for rows and columns; after ten the error changes by less than a thousandth.
_ALTERNATIONS = 20
_EFFECTS: tuple[Effects, ...] = ("wires", "variation", "both")


def error_parts(weights: Tensor, effective: Tensor) -> dict[str, float]:
    """The error ``|W' - W|^2``, taken apart, as shares of ``|W|^2``; they add up to it.

    Args:
        weights: W, as programmed, shape (tiles, size, size).
        effective: W', what the crossbars stand for before any gain, same shape.

    Returns:
        A share for each of ``PARTS``, none negative; all 0 for a layer without weights.
    """
    W, E = weights.double(), effective.double()
    power = float(W.square().sum())
    gains: tuple[Gain, ...] = ("none", "layer", "tile", "column")
    scaled = [E * gain_factors(W, E, gain) for gain in gains]
    scaled.append(_rows_and_columns(W, scaled[-1]))
    left = [float((one - W).square().sum()) / power if power else 0.0 for one in scaled]
    won = [max(0.0, before - after) for before, after in pairwise(left)]
    return dict(zip(PARTS, [*won, left[-1]], strict=True))


def _rows_and_columns(W: Tensor, E: Tensor) -> Tensor:
    """E with a factor for each row and each column of each tile, by alternating least squares."""
    for _ in range(_ALTERNATIONS):
        for along in (2, 1):
            power = E.square().sum(along, keepdim=True)
            E = E * torch.where(power > 0, (W * E).sum(along, keepdim=True) / power, 1.0)
    return E


def error_table(subjects: Iterable[Subject], bench: Bench) -> pd.DataFrame:
    """The parts of every layer's error, for the wires alone, one draw of variation alone (seed 0), and both.

    Columns: scheme, crossbar_size, layer, effects, part, share (of the squared weights).
    """
    rows = []
    for subject in subjects:
        for effects in _EFFECTS:
            case = Case(effects, None if effects == "wires" else 0, ())
            read = disturbed(subject.mapped, case, bench.devices, bench.parasitics)
            named = {"scheme": subject.scheme, "crossbar_size": subject.mapped.crossbar_size}
            for layer in read.layers:
                parts = error_parts(layer.weights, layer.effective_weights)
                rows += [
                    {**named, "layer": layer.layer.name, "effects": effects, "part": part, "share": share}
                    for part, share in parts.items()
                ]
    return pd.DataFrame(rows)


def layer_table(
    subjects: Iterable[Subject], bench: Bench, gain: Gain, seeds: int, total: int
) -> pd.DataFrame:
    """Accuracy with each layer alone on crossbars, and with all but it, under both effects.

    Returns:
        Columns: scheme, crossbar_size, seed, layer, lost_alone (points below software with this layer alone on
        crossbars), won_back (points above the whole network on crossbars with this layer in software).
    """
    rows = []
    with progress.bar("exchanging layers", total * seeds, "network") as bar:
        for subject in subjects:
            for seed in range(seeds):
                read = disturbed(subject.mapped, Case("both", seed, ()), bench.devices, bench.parasitics)
                rows += _exchanges(subject, read, bench, gain, seed)
                bar.update()
    return pd.DataFrame(rows)


def _exchanges(
    subject: Subject, read: ReadOut, bench: Bench, gain: Gain, seed: int
) -> list[dict[str, object]]:
    names = [layer.layer.name for layer in read.layers]

    def reached(on_crossbars: Collection[str]) -> float:
        return bench.accuracy(read.twin(gain, on_crossbars))

    software, whole = reached(()), reached(names)
    named = {"scheme": subject.scheme, "crossbar_size": subject.mapped.crossbar_size, "seed": seed}
    return [
        {
            **named,
            "layer": name,
            "lost_alone": software - reached((name,)),
            "won_back": reached([other for other in names if other != name]) - whole,
        }
        for name in names
    ]
