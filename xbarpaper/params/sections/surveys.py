"""What is evaluated around the profile's own point: conventions, effects of devices, settings, published numbers."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from xbarpaper.params.names import (
    FIRST_SECONDS,
    SECONDS_PER_HOUR,
    Arrays,
    AtLeastOne,
    ColumnKey,
    ColumnOrder,
    Count,
    CrossbarSize,
    DeviceOhm,
    DriftPreset,
    Factor,
    Fraction,
    Gain,
    Grouping,
    Inside,
    LevelCount,
    OnOffRatio,
    Positive,
    ProgrammingPreset,
    PruneWhen,
    Quantile,
    RangeOf,
    Scope,
    Seconds,
    Seeds,
    Several,
    Share,
    Side,
    WctRange,
)
from xbarpaper.params.rules import require_after_programming
from xbarpaper.support.validation import Defaults


class Survey(Defaults):
    """What is evaluated around the profile's own point, one thing at a time."""

    experiments: Several[str] = Field(default=(), description="that are mapped out")
    crossbar_size: CrossbarSize = Field(default=16, description="one of mapping.crossbar_sizes")
    variation_seeds: Seeds = Field(default=2, description="independent draws of the devices")
    test_images: Count = Field(
        default=500, description="random test images, the same everywhere; all where there are fewer"
    )


class Sensitivity(Survey):
    """The survey of conventions: one parameter at a time changes, the others are those of the other sections."""

    fine_tuning_epochs: Count = Field(
        default=1, description="after pruning to another sparsity than the experiment's"
    )
    on_off_ratios: AtLeastOne[OnOffRatio] = Field(
        default=(2.0, 10.0, 100.0), description="r_max_ohm over r_min_ohm, at devices.r_min_ohm"
    )
    w_max_quantiles: AtLeastOne[Quantile] = Field(
        default=(1.0, 0.99), description="see mapping.w_max_quantile"
    )
    wire_factors: AtLeastOne[Factor] = Field(
        default=(0.0, 1.0, 4.0), description="row and column wires, relative to circuit"
    )
    driver_factors: AtLeastOne[Factor] = Field(
        default=(0.0, 1.0, 4.0), description="driver and sense resistances, relative to circuit"
    )
    crossbar_sizes: AtLeastOne[CrossbarSize] = Field(
        default=(16, 32, 64), description="of networks whose pruning does not depend on the size"
    )
    sparsities: AtLeastOne[Share] = Field(
        default=(0.5, 0.8), description="weights removed; pruned anew where it is not the experiment's"
    )
    variation_sigmas: AtLeastOne[Fraction] = Field(
        default=(0.0, 0.1, 0.3), description="sigma/mu of programmed conductances"
    )


class DeviceEffects(Survey):
    """Which findings survive which effects of the devices: one effect at a time, at growing strength."""

    technology: DriftPreset = Field(
        default="pcm", description="published, whose noises are multiplied and whose drift acts"
    )
    levels: Several[LevelCount] = Field(default=(4,), description="see devices.levels")
    programming_noises: Several[ProgrammingPreset] = Field(
        default=("hermes-1",), description="see devices.programming_noise"
    )
    programming_factors: Several[Factor] = Field(
        default=(), description="on the standard deviation of the programming noise of technology"
    )
    drift_hours: Several[Positive] = Field(
        default=(24.0,), description="of drift since programming; also with global compensation"
    )
    stuck_low: Several[Fraction] = Field(default=(0.1,), description="see devices.stuck_low")
    stuck_high: Several[Fraction] = Field(default=(1e-3,), description="see devices.stuck_high")
    clusters: Several[Fraction] = Field(
        default=(0.1,), description="share of the devices stuck at g_min in clusters"
    )
    stuck_side: Side = Field(default=4, description="rows and columns of these clusters")
    read_factors: Several[Factor] = Field(
        default=(1.0,), description="on the standard deviation of the read noise of technology"
    )

    @model_validator(mode="after")
    def _not_before_programming(self) -> Self:
        first = FIRST_SECONDS[self.technology]
        for hours in self.drift_hours:
            if SECONDS_PER_HOUR * hours < first:
                raise ValueError(
                    f"effects.drift_hours = {hours!r} must be at least {first / SECONDS_PER_HOUR:g}, from when on "
                    f"effects.technology = {self.technology} holds"
                )
        return self


class Search(Defaults):
    """The strongest form of R and of WCT: their settings compared on validation images, the best tested once."""

    experiments: Several[str] = Field(default=(), description="that are searched")
    crossbar_size: CrossbarSize = Field(default=32, description="one of mapping.crossbar_sizes")
    validation_images: Count = Field(
        default=5000,
        description="random training images that settings are compared on; WCT does not train on them",
    )
    variation_seeds: Seeds = Field(default=3, description="draws of device variation, none of which tests")
    finalists: Count = Field(
        default=24,
        description="settings of R of the least predicted error, from each kind of arrays and ranges in turn, which are "
        "evaluated",
    )
    keys: AtLeastOne[ColumnKey] = Field(
        default=("mean", "maximum", "square", "error"), description="see rearrange.key"
    )
    orders: AtLeastOne[ColumnOrder] = Field(
        default=("ascending", "descending", "centre"), description="see rearrange.order"
    )
    groupings: AtLeastOne[Grouping] = Field(
        default=("together", "spread"), description="see rearrange.grouping"
    )
    scopes: AtLeastOne[Scope] = Field(
        default=("layer", "strip", "crossbar"), description="see rearrange.scope"
    )
    arrays: AtLeastOne[Arrays] = Field(default=("pair", "signs"), description="see rearrange.arrays")
    ranges: AtLeastOne[RangeOf] = Field(default=("layer", "crossbar"), description="see rearrange.range")
    cut_quantiles: AtLeastOne[Inside] = Field(
        default=(0.8, 0.85, 0.9, 0.95, 0.99),
        description="see wct.cut_quantile; 1 is tried to compare with",
    )
    wct_ranges: AtLeastOne[WctRange] = Field(default=("old", "new"), description="see wct.range")
    epochs: AtLeastOne[Count] = Field(default=(1, 4), description="see wct.epochs; of the best limit")
    learning_rates: AtLeastOne[Positive] = Field(
        default=(0.01, 0.05), description="see wct.learning_rate; of the best limit"
    )
    rounds: Several[Count] = Field(
        default=(30,), description="see wct.rounds; of an epoch each (the recipe of NEAT)"
    )
    rounds_learning_rate: Positive = Field(default=1e-5, description="constant rate of Adam in rounds")
    prunings: AtLeastOne[PruneWhen] = Field(default=("trained",), description="see prune.when")


class Published(Defaults):
    """Numbers that others report: which conventions are tried to meet them."""

    experiments: Several[str] = Field(default=(), description="that are compared with them")
    crossbar_sizes: AtLeastOne[CrossbarSize] = Field(
        default=(64, 128), description="of published numbers that are compared with"
    )
    r_min_ohms: AtLeastOne[DeviceOhm] = Field(
        default=(20e3, 50e3, 100e3, 200e3), description="see devices.r_min_ohm; the ON/OFF ratio stays"
    )
    gains: AtLeastOne[Gain] = Field(default=("none", "layer"), description="see readout.gain")
    variation_seeds: Seeds = Field(default=3, description="independent draws of the devices")
    read_sigmas: AtLeastOne[Inside] = Field(
        default=(0.05, 0.1, 0.15, 0.25, 0.35),
        description="sigma/mu of read noise that batch norms are to make up for",
    )
    drift: DriftPreset = Field(default="pcm", description="published, that they are to make up for")
    drift_seconds: AtLeastOne[Seconds] = Field(
        default=(1e4, 1e6, 1e8, 1e10), description="of drift since programming"
    )

    @model_validator(mode="after")
    def _not_before_programming(self) -> Self:
        require_after_programming(
            "published.drift_seconds", min(self.drift_seconds), "published.drift", self.drift
        )
        return self
