"""How far a number may lie from the committed one, by column, and why: the one place that says so.

On the same kind of processor with the same number of threads every file is identical. Another number of threads, or
instructions that add in another order, moves the last bit of a sum; training amplifies that, batch by batch, until the
network is another sample of the same recipe. The tolerances are those of such a sample: what comes out at another number
of threads lies within them (docs/determinism.md has the measurement), and a changed formula, a lost mitigation or a wrong
unit does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Tolerance:
    """How far a number may lie from the committed one without being reported as different."""

    absolute: float  # in the column's unit
    relative: float  # on top, as a share of the larger number, whichever of the two is committed
    reason: str  # why as much as this, and not more

    def allowed(self, committed: float, now: float) -> float:
        """The largest difference of two such numbers."""
        return self.absolute + self.relative * max(abs(committed), abs(now))


EXACT: Final = Tolerance(0.0, 0.0, "names, counts and settings, which do not depend on any sum")
ROUNDED: Final = Tolerance(
    0.0, 1e-7, "computed from identical tables: only the ninth digit, the last that is written, may move"
)
NOT_COMPARED: Final = Tolerance(
    math.inf,
    0,
    "follows from the numbers beside it and jumps where they move a little; its verdict is compared",
)

# Columns, absolute, relative, reason. "apart": the largest difference between two runs of quick's VGG11, on one thread
# and on two. "apart on another processor": between reports/quick of commits 4480dfbca8 (AVX2, float32) and c447071ecf
# (AVX512, bfloat16), which are within all that stands here.
_ROWS: Final[tuple[tuple[str, float, float, str], ...]] = (
    ("software_accuracy software_accuracy_before software.accuracy", 10, 0,
     "percentage points of a small network trained twice; 6.5 apart"),
    ("accuracy accuracy_before clean_accuracy", 15, 0,
     "percentage points: as in software, and what crossbars take from one more; 10.9 apart"),
    ("sensitivity.accuracy device_effects.accuracy converters.accuracy published.accuracy published_like.accuracy "
     "published.lost adversarial.accuracy converters.changed spiking.accuracy spiking.software_accuracy "
     "on_crossbar_training.accuracy on_crossbar_training.software_accuracy batch_norms.accuracy batch_norms.lost", 25, 0,
     "percentage points where accuracy falls off: small moves of the edge are large ones of it"),
    ("conversions drives adc_uj driver_uj array_uj digital_uj memory_uj energy_uj area_mm2 latency_us", 0, 0.3,
     "of a network's crossbars: which segments are pruned decides how many columns and crossbars are left"),
    ("adc_share", 0.1, 0, "share of the energy of these"),
    ("output_error", 0.5, 0.5, "of a spiking network's outputs, relative: spikes near the threshold come or stay away"),
    ("error rest", 0.1, 0.5, "of the outputs of a small network trained twice, relative to their variance"),
    ("spike_rate", 0.05, 0.3, "spikes of a neuron in a step, of a small network trained twice"),
    ("energy_ratio area_ratio latency_ratio", 0.1, 0.3, "quotients of two of these, as the compression rate"),
    ("lost_alone won_back lost recovered effect accuracy_effect", 18, 0,
     "percentage points: a difference of two accuracies, each of another training; 15.4 apart on another processor"),
    ("recovered_low recovered_high low high accuracy_effect_low accuracy_effect_high", 25, 0,
     "percentage points: the effect's, and the spread of five seeds; 20.1 apart on another processor"),
    ("own.effect own.low own.high", NOT_COMPARED.absolute, 0,
     "of a few images and draws: a case may have none where tables differ within their tolerance; verdicts are compared"),
    ("predicted_error", 0.1, 0.5, "of the weights of a small network trained twice, percent"),
    ("metrics.*", 15, 0, "percentage points: means over schemes and sizes, or over layers of a rank correlation"),
    ("share_nf_rho share_error_rho weights_effect weights_effect_low weights_effect_high",
     NOT_COMPARED.absolute, 0, "rank correlations over the few crossbars of a layer; what they decide is compared"),
    ("search.accuracy search.software_accuracy search.gained search.gained_low search.gained_high search.draws chosen",
     NOT_COMPARED.absolute, 0, "of settings in the last round, which hangs on small moves; the best are tested"),
    ("train_loss", 0.3, 0, "cross entropy of an epoch; 0.17 apart"),
    ("train_accuracy", 10, 0, "percentage points in an epoch, with augmentation; 5.1 apart"),
    ("test_accuracy", 25, 0, "percentage points at a high learning rate, from epoch to epoch; 12.4 apart"),
    ("low_conductance_share", 0.05, 0, "share of a network's devices: weights are distributed alike; 0.03 apart"),
    ("layers.low_conductance_share", 0.2, 0, "the same of one layer, whose largest weight sets it; 0.13 apart"),
    ("claims.low_conductance_share claims.low_conductance_share_before", 5, 0, "the same in percent, as claims have it"),
    ("nf nf_before", 0.03, 0, "of a network: set by wires and mean conductance; 0.01 apart"),
    ("layers.nf", 0.15, 0, "the same of one layer, whose largest weight sets its conductances; 0.07 apart"),
    ("errors.share", 0.2, 0, "share of an error: which part is large hangs on few weights in small layers"),
    ("crossbars", 2, 0.15, "which segments are pruned decides how many crossbars others fill; 6 of 84 apart"),
    ("compression_rate smallest_compression_rate", 0.1, 0.2,
     "ratio of numbers of crossbars of a network; 0.12 of 4.2 apart"),
    ("layers.compression_rate", 0.5, 0.5, "the same of one layer, of few crossbars; 1.5 of 3 apart"),
    ("utilisation", 0.3, 0, "weights over cells of a layer's crossbars, of which there are few; 0.18 apart"),
    ("recovered.share share_low share_high",
     NOT_COMPARED.absolute, 0, NOT_COMPARED.reason),
)  # fmt: skip
TOLERANCES: Final = {
    name: Tolerance(absolute, relative, reason)
    for names, absolute, relative, reason in _ROWS
    for name in names.split()
}
"""By column, or by table and column as ``table.column`` or ``table.*``, which come first. Others are ``EXACT``."""


ACCURACY_ELSEWHERE: Final = Tolerance(
    30, 0, "percentage points: the column accuracy on another kind of processor; 23.2 apart"
)


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
    names = f"{table}.{column}", f"{table}.*", column
    return next((TOLERANCES[name] for name in names if name in TOLERANCES), EXACT)
