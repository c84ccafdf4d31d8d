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

_SOFTWARE: Final = Tolerance(
    10.0, "percentage points between two trainings of a small network; 6.3 were measured"
)
_MAPPED: Final = Tolerance(
    15.0, "percentage points: as in software, and what crossbars take from one network more"
)
_MOVED: Final = Tolerance(
    25.0, "percentage points where accuracy falls off: small moves of the edge are large ones of it"
)
_EFFECT: Final = Tolerance(
    12.0, "percentage points: a difference of two accuracies, each of another training"
)
_BOUND: Final = Tolerance(15.0, "percentage points: the effect's, and the spread of five seeds")
_LOSS: Final = Tolerance(0.3, "cross entropy of an epoch; between two trainings 0.17 was measured")
_EPOCH: Final = Tolerance(10.0, "percentage points in an epoch, with augmentation; 5.1 were measured")
_SWINGS: Final = Tolerance(
    25.0, "percentage points at a high learning rate, from one epoch to the next; 12.4 were measured"
)
_SHARE: Final = Tolerance(0.05, "share of devices: the weights of two trainings are distributed alike")
_PERCENT: Final = Tolerance(5.0, "the same share, in percent")
_FACTOR: Final = Tolerance(
    0.1, "set by wires and by the mean conductance of crossbars, of which some hold few devices"
)
_PART: Final = Tolerance(0.2, "share of an error: which part is large hangs on few weights in small layers")
_CROSSBARS: Final = Tolerance(
    2.0, "which segments are pruned decides how many crossbars the others fill", 0.15
)
_RATIO: Final = Tolerance(0.1, "ratio of such numbers of crossbars", 0.2)
_WEIGHTS: Final = Tolerance(64.0, "weights between the segments of a layer that are kept", 0.15)

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
    "share_before": _PERCENT,
    "share_after": _PERCENT,
    "nf": _FACTOR,
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
    "kept_weights": _WEIGHTS,
    "utilisation": Tolerance(0.2, "weights over cells of the crossbars: two of the numbers above"),
    "compression_rate": _RATIO,
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
