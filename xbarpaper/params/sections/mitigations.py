"""The paper's mitigations, and those beyond it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from xbarpaper.params.names import (
    FURTHER_MITIGATIONS,
    MOST,
    Arrays,
    AtLeastOne,
    ColumnKey,
    ColumnOrder,
    Count,
    FurtherMitigation,
    Grouping,
    Positive,
    Quantile,
    RangeOf,
    Scope,
    Several,
    WctRange,
)
from xbarpaper.support.validation import Defaults


class Rearrange(Defaults):
    """Mitigation R: columns are put in the order of their mean conductance, or as is chosen here."""

    key: ColumnKey = Field(
        default="mean",
        description="of |w| of a column; the sum of its squares; or the predicted error of its weights",
    )
    order: ColumnOrder = Field(
        default="descending", description="from the driver on, or the heaviest in the centre"
    )
    grouping: Grouping = Field(
        default="together", description="columns that sort together share crossbars, or are dealt over all"
    )
    scope: Scope = Field(
        default="strip",
        description="rows over which a column is judged; crossbar orders each row of crossbars anew",
    )
    arrays: Arrays = Field(
        default="pair", description="that share an order; signs has one for each sign of the weights"
    )
    range: RangeOf = Field(default="layer", description="that shares a largest weight, which programs g_max")

    @model_validator(mode="after")
    def _pairs_share_a_range(self) -> Self:
        if self.arrays == "signs" and self.range == "crossbar":
            raise ValueError(
                "rearrange.arrays = signs needs rearrange.range = layer: the devices of a pair lie on crossbars apart"
            )
        return self


class Wct(Defaults):
    """Mitigation WCT: Weight-Constrained-Training."""

    cut_quantile: Quantile = Field(
        default=0.95, description="quantile of a layer's |w| that becomes its limit; 1 is its largest"
    )
    epochs: Count = Field(default=1, description="fine-tuning under the limit, or of each round")
    learning_rate: Positive = Field(
        default=0.02, description="peak of the fine-tuning schedule; constant in rounds"
    )
    range: WctRange = Field(default="old", description="w_max is that of before WCT, or the limit")
    rounds: Annotated[int, Field(ge=0, le=MOST)] = Field(
        default=0,
        description="of clipping, then training without a limit (Adam); 0 limits after each step instead",
    )


class Beyond(Defaults):
    """Mitigations that the paper does not have."""

    experiments: Several[str] = Field(default=(), description="that try them")
    mitigations: AtLeastOne[FurtherMitigation] = Field(
        default=FURTHER_MITIGATIONS,
        description="that are tried; each is evaluated on every scheme, size and chip",
    )
    arrangement_rounds: Count = Field(
        default=1, description="of rows and columns, in two-dimensional rearrangement (R2D)"
    )
    batch_norm_images: Annotated[int, Field(ge=2, le=MOST)] = Field(
        default=500,
        description="training images, without labels, that re-estimate batch-norm statistics (BN)",
    )
    norm_tuning_epochs: Count = Field(
        default=4, description="passes over the same images that tune scale and shift of batch norms (norms)"
    )
    norm_tuning_learning_rate: Positive = Field(default=0.01, description="of Adam, at the first of them")
    tuning_epochs: Count = Field(default=1, description="of fine-tuning through the circuit (tuned)")
    tuning_learning_rate: Positive = Field(default=0.01, description="peak of its schedule")
    tuning_refresh_steps: Count = Field(default=20, description="steps between two solutions of the circuits")
    compensation_rounds: Count = Field(
        default=4, description="of precompensation (PC): a solution of the circuits and a correction each"
    )
