"""How networks are measured on crossbars, and layer by layer."""

from __future__ import annotations

from pydantic import Field

from xbarpaper.params.names import AtLeastOne, Count, Gain, Precision, Seeds
from xbarpaper.support.validation import Defaults


class Evaluation(Defaults):
    """Accuracy of networks on disturbed crossbars, always on the full test set."""

    variation_seeds: Seeds = Field(default=5, description="independent draws of device variation")
    gains: AtLeastOne[Gain] = Field(
        default=("none", "layer", "tile", "column"),
        description="compared without mitigation, both effects acting; all else is evaluated at readout.gain",
    )
    batch_size: Count = Field(default=500, description="test images at a time")
    precision: Precision = Field(
        default="auto", description="arithmetic of inference on crossbars; auto as in train.precision"
    )


class Mechanism(Defaults):
    """Which layers cost accuracy: each of them alone on crossbars, and all but it."""

    variation_seeds: Count = Field(default=2, description="independent draws of device variation")
