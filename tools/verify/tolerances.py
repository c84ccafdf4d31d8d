"""How far a number may lie from the committed one, by column, and why: the one place that says so.

On the same kind of processor with the same number of threads every file is identical. Another number of threads, or
instructions that add in another order, moves the last bit of a sum; training amplifies that, batch by batch, until the
network is another sample of the same recipe. The tolerances are those of such a sample: what comes out at another number
of threads lies within them (docs/determinism.md has the measurement), and a changed formula, a lost
mitigation or a wrong unit does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Tolerance:
    """The largest difference from the committed number that is no news.

    Attributes:
        absolute: in the column's unit.
        reason: why as much as this, and not more.
        relative: on top, as a share of the committed number.
    """

    absolute: float
    reason: str
    relative: float = 0.0

    def allowed(self, committed: float) -> float:
        """The largest difference from this number."""
        return self.absolute + self.relative * abs(committed)


EXACT: Final = Tolerance(0.0, "names, counts and settings, which do not depend on any sum")

ROUNDED: Final = Tolerance(
    0.0,
    "computed from tables that are identical: only the ninth digit, the last that is written, may move",
    1e-7,
)
"""Of what is computed from other tables of the report, where those are identical."""

NOT_COMPARED: Final = Tolerance(
    math.inf, "follows from the numbers beside it and jumps where they move a little; its verdict is compared"
)

# "apart": the largest difference between two runs of quick's VGG11, on one thread and on two.
_SOFTWARE: Final = Tolerance(10.0, "percentage points of a small network trained twice; 6.5 apart")
_MAPPED: Final = Tolerance(
    15.0, "percentage points: as in software, and what crossbars take from one more; 10.9 apart"
)
_MOVED: Final = Tolerance(
    25.0, "percentage points where accuracy falls off: small moves of the edge are large ones of it"
)
_EFFECT: Final = Tolerance(
    12.0, "percentage points: a difference of two accuracies, each of another training"
)
_BOUND: Final = Tolerance(15.0, "percentage points: the effect's, and the spread of five seeds")
_LOSS: Final = Tolerance(0.3, "cross entropy of an epoch; 0.17 apart")
_EPOCH: Final = Tolerance(10.0, "percentage points in an epoch, with augmentation; 5.1 apart")
_SWINGS: Final = Tolerance(25.0, "percentage points at a high learning rate, from epoch to epoch; 12.4 apart")
_SHARE: Final = Tolerance(0.05, "share of a network's devices: weights are distributed alike; 0.03 apart")
_LAYER_SHARE: Final = Tolerance(0.2, "the same of one layer, whose largest weight sets it; 0.13 apart")
_PERCENT: Final = Tolerance(5.0, "share of a network's devices, in percent")
_FACTOR: Final = Tolerance(0.03, "of a network: set by wires and mean conductance; 0.01 apart")
_LAYER_FACTOR: Final = Tolerance(
    0.15, "the same of one layer, whose largest weight sets its conductances; 0.07 apart"
)
_PART: Final = Tolerance(0.2, "share of an error: which part is large hangs on few weights in small layers")
_CROSSBARS: Final = Tolerance(
    2.0, "which segments are pruned decides how many crossbars others fill; 6 of 84 apart", 0.15
)
_RATIO: Final = Tolerance(0.1, "ratio of numbers of crossbars of a network; 0.12 of 4.2 apart", 0.2)
_LAYER_RATIO: Final = Tolerance(0.5, "the same of one layer, of few crossbars; 0.9 of 3.6 apart", 0.3)
_FILLED: Final = Tolerance(
    0.3, "weights over cells of a layer's crossbars, of which there are few; 0.18 apart"
)

TOLERANCES: Final[dict[str, Tolerance]] = {
    "accuracy": _MAPPED,
    "software_accuracy": _SOFTWARE,
    "software_accuracy_unpruned": _SOFTWARE,
    "software.accuracy": _SOFTWARE,
    "sensitivity.accuracy": _MOVED,
    "train_loss": _LOSS,
    "train_accuracy": _EPOCH,
    "test_accuracy": _SWINGS,
    "low_conductance_share": _SHARE,
    "layers.low_conductance_share": _LAYER_SHARE,
    "share_before": _PERCENT,
    "share_after": _PERCENT,
    "nf": _FACTOR,
    "layers.nf": _LAYER_FACTOR,
    "errors.share": _PART,
    "lost_alone": _EFFECT,
    "won_back": _EFFECT,
    "lost": _EFFECT,
    "recovered": _EFFECT,
    "recovered_low": _BOUND,
    "recovered_high": _BOUND,
    "recovered.share": NOT_COMPARED,
    "share_low": NOT_COMPARED,
    "share_high": NOT_COMPARED,
    "crossbars": _CROSSBARS,
    "utilisation": _FILLED,
    "compression_rate": _RATIO,
    "layers.compression_rate": _LAYER_RATIO,
    "smallest_compression_rate": _RATIO,
    "effect": _EFFECT,
    "low": _BOUND,
    "high": _BOUND,
    "bootstrap_low": _BOUND,
    "bootstrap_high": _BOUND,
    "p": NOT_COMPARED,
    "p_holm": NOT_COMPARED,
    "sign_flip_p": NOT_COMPARED,
    "averaged_over_networks_p": NOT_COMPARED,
    "accuracy_p_holm": NOT_COMPARED,
    "spread": NOT_COMPARED,
    "loss_reduced": _EFFECT,
    "loss_reduced_low": _BOUND,
    "loss_reduced_high": _BOUND,
    "accuracy_effect": _EFFECT,
    "accuracy_low": _BOUND,
    "accuracy_high": _BOUND,
}
"""By column, or by table and column as ``table.column``, which comes first. Columns that are not here are ``EXACT``."""


def of_column(table: str, column: str, remeasured: bool) -> Tolerance:
    """The tolerance of a column.

    Args:
        table: its table.
        column: its name; a key of ``claims.json`` has that of the column of this name.
        remeasured: whether some table that the stages measured differs. If none does, what is computed from them
            may differ in its rounding only.
    """
    if not remeasured:
        return ROUNDED
    return TOLERANCES.get(f"{table}.{column}", TOLERANCES.get(column, EXACT))
