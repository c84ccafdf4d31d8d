"""The sections of ``params.yaml``: each parameter with its default, its range and what it means.

Nothing of this is written anywhere else: profiles hold only what differs, and the comments of ``params.yaml`` are the
docstrings and descriptions here. Functions take the section that they need.
"""

from __future__ import annotations

import fractions
import math
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from xbarpaper.params.names import (
    ADC_BITS,
    FIRST_SECONDS,
    FURTHER_MITIGATIONS,
    LEAST_ON_OFF,
    MOST,
    SECONDS_PER_HOUR,
    AdcName,
    Arrays,
    AtLeastOne,
    Coding,
    ColumnKey,
    ColumnOrder,
    ColumnsCounted,
    Count,
    CrossbarSize,
    Device,
    DeviceOhm,
    DriftCompensation,
    DriftPreset,
    Factor,
    Fraction,
    FurtherMitigation,
    Gain,
    Grouping,
    Inside,
    Leak,
    LevelCount,
    NetworkName,
    Ohm,
    OnOffRatio,
    PaperSchemeName,
    Positive,
    Precision,
    ProgrammingPreset,
    PrunedSchemeName,
    PruneWhen,
    Quantile,
    RangeOf,
    RangeScope,
    ReadPreset,
    Scope,
    Seconds,
    Seed,
    Seeds,
    Several,
    Share,
    Side,
    SpikingStart,
    TrainingPhase,
    TrainingStart,
    WctRange,
)
from xbarpaper.support.schedulers import LOCAL, require_scheduler
from xbarpaper.support.validation import Defaults


class Experiment(Defaults):
    """One network on one dataset, at one sparsity."""

    dataset: str = Field(description="an entry of datasets")
    network: NetworkName = Field(description="architecture")
    width: Annotated[float, Field(gt=0, le=4)] = Field(
        default=0.125, description="channels relative to the standard network"
    )
    sparsity: Share = Field(default=0.8, description="fraction of weights removed from the prunable layers")
    training_seed: Seed = Field(default=0, description="of initialisation, batches and augmentation")


class Train(Defaults):
    """Training of the unpruned network."""

    device: Device = Field(default="auto", description="where networks are trained and evaluated")
    precision: Precision = Field(
        default="auto",
        description="arithmetic of the forward pass; auto takes bfloat16 where the processor or the GPU has "
        "instructions for it",
    )
    epochs: Count = Field(default=10, description="passes over the training images")
    batch_size: Count = Field(default=64, description="images per step")
    learning_rate: Positive = Field(default=0.1, description="peak of the one-cycle schedule")
    warmup_share: Inside = Field(default=0.25, description="share of the steps until the peak")
    momentum: Share = Field(default=0.9, description="Nesterov momentum")
    weight_decay: Fraction = Field(default=5e-4, description="L2 penalty")
    norm_bias_rate: Positive = Field(
        default=1.0, description="learning rate of the biases of batch norms, relative to all others"
    )
    average_decay: Share = Field(
        default=0.0,
        description="the network kept is a moving average of the weights, which loses 1 - this at every step; 0 keeps "
        "the last weights",
    )
    label_smoothing: Share = Field(default=0.1, description="share of the target spread over all classes")
    flip: bool = Field(default=True, description="mirror training images at random")
    alternating_flip: bool = Field(
        default=False,
        description="where they are mirrored: each in every second epoch, from the first or the second on at random",
    )
    shift_pixels: Annotated[int, Field(ge=0, le=16)] = Field(
        default=4, description="largest shift of the random crop"
    )
    cut_out_pixels: Annotated[int, Field(ge=0, le=32)] = Field(
        default=0, description="side of the square blanked in each training image; fine-tuning blanks none"
    )


class Prune(Defaults):
    """Structured pruning, then fine-tuning with the mask held."""

    when: PruneWhen = Field(
        default="trained",
        description="prune the trained network, or at initialisation (then train.* holds, and nothing of "
        "steps, epochs, learning_rate and weight_decay below)",
    )
    steps: Count = Field(
        default=1,
        description="the sparsity grows to its end in so many steps, an epoch after each but the last",
    )
    epochs: Count = Field(default=2, description="of fine-tuning, after the last step")
    learning_rate: Positive = Field(default=0.05, description="peak of the fine-tuning schedule")
    weight_decay: Fraction = Field(
        default=5e-4, description="L2 penalty on pruned networks, from the first step on"
    )
    first_convolution: bool = Field(default=False, description="whether it may be pruned")
    classifier: bool = Field(default=False, description="whether it may be pruned")


class Distillation(Defaults):
    """Fine-tuning and WCT learn from the unpruned network too (arXiv 1503.02531)."""

    weight: Share = Field(
        default=0.5, description="share of the teacher's answers in the loss; 0 learns from labels alone"
    )
    temperature: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=2.0, description="softening of the logits of teacher and student"
    )


class Mapping(Defaults):
    """From weight matrices to crossbars."""

    crossbar_sizes: AtLeastOne[CrossbarSize] = Field(
        default=(16, 32), description="rows and columns of a crossbar; everything is done for each size"
    )
    low_conductance_threshold: Inside = Field(
        default=0.1, description="a device is low below g_min + this share of (g_max - g_min)"
    )
    w_max_quantile: Quantile = Field(
        default=1.0,
        description="quantile of a layer's |w| that programs the highest conductance; 1 is its largest",
    )


class Devices(Defaults):
    """Memristive devices."""

    r_min_ohm: DeviceOhm = Field(default=20e3, description="lowest programmable resistance")
    r_max_ohm: DeviceOhm = Field(
        default=200e3, description="highest programmable resistance: ON/OFF ratio r_max_ohm / r_min_ohm"
    )
    variation_sigma: Fraction = Field(default=0.1, description="sigma/mu of programmed conductances")
    levels: LevelCount | Literal["any"] = Field(
        default="any", description="evenly spaced conductances that can be programmed, at least 2; or any"
    )
    programming_noise: Literal["none", ProgrammingPreset] = Field(
        default="none", description="published; see docs/conventions.md"
    )
    programming_factor: Factor = Field(default=1.0, description="on its standard deviation")
    drift: Literal["none", DriftPreset] = Field(
        default="none", description="published, between programming and reading"
    )
    drift_compensation: DriftCompensation = Field(
        default="none",
        description="one factor for each layer that gives its outputs their old mean size; or the readout's gain anew",
    )
    stuck_low: Fraction = Field(default=0.0, description="share of the devices that stay at g_min")
    stuck_high: Fraction = Field(default=0.0, description="share of the devices that stay at g_max")
    stuck_side: Side = Field(default=1, description="rows and columns of a cluster of stuck devices")
    read_noise: Literal["none", ReadPreset] = Field(
        default="none", description="published, or relative to each conductance; anew at each evaluation"
    )
    read_factor: Factor = Field(
        default=1.0, description="on its standard deviation; of relative noise it is sigma/mu"
    )
    read_at_s: Seconds = Field(
        default=3600.0, description="time between programming and reading, for drift and read noise"
    )

    @property
    def g_min_siemens(self) -> float:
        """Lowest programmable conductance, siemens."""
        return 1.0 / self.r_max_ohm

    @property
    def g_max_siemens(self) -> float:
        """Highest programmable conductance, siemens."""
        return 1.0 / self.r_min_ohm

    @property
    def nominal(self) -> Devices:
        """The same range without variation."""
        return Devices(r_min_ohm=self.r_min_ohm, r_max_ohm=self.r_max_ohm, variation_sigma=0.0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.r_max_ohm < LEAST_ON_OFF * self.r_min_ohm:
            raise ValueError(
                f"devices.r_max_ohm = {self.r_max_ohm!r} must be at least {LEAST_ON_OFF} times "
                f"devices.r_min_ohm = {self.r_min_ohm!r}"
            )
        if self.stuck_low + self.stuck_high > 1:
            raise ValueError(
                f"devices.stuck_low = {self.stuck_low!r} and devices.stuck_high = {self.stuck_high!r} must add up to "
                "at most 1"
            )
        for name, preset in (("drift", self.drift), ("read_noise", self.read_noise)):
            first = FIRST_SECONDS.get(preset, 0.0)
            if self.read_at_s < first:
                raise ValueError(
                    f"devices.read_at_s = {self.read_at_s!r} must be at least {first!r}, from when on devices.{name} = "
                    f"{preset} holds"
                )
        return self


class Parasitics(Defaults):
    """Linear resistances around the devices of a crossbar; any may be 0."""

    driver_ohm: Ohm = Field(default=1e3, description="from each input to its row wire")
    row_wire_ohm: Ohm = Field(default=5.0, description="row wire between neighbouring columns")
    column_wire_ohm: Ohm = Field(default=10.0, description="column wire between neighbouring rows")
    sense_ohm: Ohm = Field(default=1e3, description="from each column wire to virtual ground")

    @property
    def ideal(self) -> bool:
        """Whether nothing resists."""
        return not (self.driver_ohm or self.row_wire_ohm or self.column_wire_ohm or self.sense_ohm)


class Readout(Defaults):
    """Digital calibration of what the crossbars give."""

    gain: Gain = Field(
        default="layer",
        description="one least-squares factor for each layer, tile or tile column; must be among evaluation.gains",
    )


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


class Mechanism(Defaults):
    """Which layers cost accuracy: each of them alone on crossbars, and all but it."""

    variation_seeds: Count = Field(default=2, description="independent draws of device variation")


class Survey(Defaults):
    """What is evaluated around the profile's own point, one thing at a time."""

    experiments: Several[str] = Field(default=(), description="that are mapped out")
    crossbar_size: CrossbarSize = Field(default=16, description="one of mapping.crossbar_sizes")
    variation_seeds: Seeds = Field(default=2, description="independent draws of the devices")
    test_images: Count = Field(
        default=500, description="random test images, the same everywhere; all where there are fewer"
    )


class Sensitivity(Survey):
    """Where the claims live: one parameter at a time changes, the others are those of the other sections."""

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
        first = FIRST_SECONDS[self.drift]
        if min(self.drift_seconds) < first:
            raise ValueError(
                f"published.drift_seconds = {min(self.drift_seconds)!r} must be at least {first!r}, from when on "
                f"published.drift = {self.drift} holds"
            )
        return self


class Spiking(Defaults):
    """Spiking networks on the crossbars: trained through time, and converted from a trained VGG."""

    experiments: Several[str] = Field(default=(), description="whose VGG spikes")
    codings: AtLeastOne[Coding] = Field(
        default=("direct",), description="of the images; each has networks of its own"
    )
    leak: Leak = Field(default=0.95, description="what a step leaves of the membrane; converted: 1")
    threshold: Positive = Field(
        default=1.0, description="of the membrane, above which a spike leaves; converted: 1, weights balanced"
    )
    initial_charge: Share = Field(default=0.5, description="of the membrane, relative to the threshold")
    train_images: Count = Field(
        default=50000, description="random training images that are trained on; all where there are fewer"
    )
    start: SpikingStart = Field(
        default="balanced", description="of training: fresh weights, or the VGG balanced as for conversion"
    )
    train_steps: Count = Field(default=4, description="time steps of the trained network")
    steps: AtLeastOne[Count] = Field(
        default=(1, 2, 4, 8, 16), description="time steps after which outputs are compared"
    )
    epochs: Count = Field(default=1, description="of training through time")
    learning_rate: Positive = Field(default=0.05, description="peak of its schedule")
    conversion_epochs: Count = Field(
        default=2, description="of fine-tuning the trained VGG with average pooling, before it is converted"
    )
    conversion_learning_rate: Positive = Field(default=0.05, description="peak of its schedule")
    balance_quantile: Quantile = Field(
        default=0.999,
        description="of a layer's activations, which becomes one spike in each step of the converted network",
    )
    start_quantile: Quantile = Field(
        default=0.97, description="the same where training starts: few steps need neurons that spike often"
    )
    balance_images: Count = Field(default=100, description="random training images that they are taken from")
    crossbar_sizes: AtLeastOne[CrossbarSize] = Field(default=(16, 32), description="of the crossbars")
    variation_seeds: Seeds = Field(default=3, description="independent draws of the devices")
    read_noise: Literal["none", ReadPreset] = Field(
        default="pcm", description="published, anew at each time step; see devices.read_noise"
    )
    test_images: Count = Field(default=200, description="random test images; all where there are fewer")

    @model_validator(mode="after")
    def _followed(self) -> Self:
        if self.train_steps not in self.steps:
            raise ValueError(
                f"spiking.train_steps = {self.train_steps} must be among spiking.steps = "
                f"{', '.join(map(str, self.steps))}"
            )
        return self


class OnCrossbarTraining(Defaults):
    """Training on crossbars (arXiv 2002.11151): forward pass, backward pass and weight update by devices and circuits."""

    experiments: Several[str] = Field(default=(), description="whose network is trained so")
    start: TrainingStart = Field(
        default="fresh", description="of training: fresh weights, or the trained network"
    )
    train_images: Count = Field(
        default=50000, description="random training images that are trained on; all where there are fewer"
    )
    epochs: Count = Field(default=2, description="of each training, in software too")
    learning_rate: Positive = Field(default=0.05, description="peak of the schedule")
    crossbar_size: CrossbarSize = Field(default=32, description="rows and columns of a crossbar")
    phases: AtLeastOne[TrainingPhase] = Field(
        default=("forward", "backward", "update"), description="not ideal, each alone and all together"
    )
    refresh_steps: Count = Field(
        default=20, description="steps between two solutions of the circuits; compared with 1"
    )
    write_nonlinearity: Factor = Field(
        default=0.1, description="of a device's curve, 0 is a straight line; see docs/conventions.md"
    )
    write_nonlinearities: Several[Factor] = Field(default=(0.0, 1.0, 5.0), description="tried instead")
    write_noise: Factor = Field(
        default=0.1, description="standard deviation of a write across the whole range, relative to it"
    )
    write_noises: Several[Factor] = Field(default=(0.0, 0.3, 1.0), description="tried instead")
    on_off_ratios: Several[OnOffRatio] = Field(
        default=(2.0, 5.0, 100.0), description="tried instead of the devices', at their r_min_ohm"
    )
    training_seeds: Seeds = Field(
        default=3, description="replicates: batches, fresh weights, devices and noise of its own each"
    )

    def usual(self, devices: Devices) -> dict[str, Any]:
        """The case from which one thing is changed at a time, by the columns of its table."""
        return {
            "phases": "+".join(self.phases),
            "refresh_steps": self.refresh_steps,
            "write_nonlinearity": self.write_nonlinearity,
            "write_noise": self.write_noise,
            "on_off_ratio": devices.r_max_ohm / devices.r_min_ohm,
        }


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


class Periphery(Defaults):
    """Converters around the crossbars: how many bits they need. Elsewhere converters are ideal."""

    experiments: Several[str] = Field(default=(), description="whose networks are read through converters")
    input_bits: Annotated[int, Field(ge=0, le=16)] = Field(
        default=8, description="of an input's magnitude; 0 applies it as it is, in one read"
    )
    dac_bits: Annotated[int, Field(ge=1, le=16)] = Field(
        default=1, description="of an input, applied in one read; divides input_bits"
    )
    weight_bits: Annotated[int, Field(ge=2, le=16)] = Field(
        default=8, description="of a weight, sign included; of sliced weights only"
    )
    weight_slices: Annotated[int, Field(ge=1, le=15)] = Field(
        default=1,
        description="pairs of crossbars that share the bits of a weight; 1 is an analog weight on one pair",
    )
    adc_bits: AtLeastOne[Annotated[int, Field(ge=1, le=14)]] = Field(
        default=(2, 3, 4, 5, 6, 7, 8), description="of a conversion; each is tried, beside ideal ones"
    )
    range_scope: RangeScope = Field(
        default="tile", description="whose columns share the range of their converters"
    )
    range_quantile: Annotated[float, Field(gt=0.5, le=1)] = Field(
        default=0.999,
        description="of the currents on calibration images, where a range ends; it begins at one minus this",
    )
    calibration_images: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=64, description="random training images that set the ranges"
    )
    test_images: Count = Field(default=10000, description="random test images; all where there are fewer")
    batch_images: Count = Field(default=50, description="at a time")
    tolerance_points: Positive = Field(
        default=1.0, description="accuracy against ideal converters that enough bits lose less than"
    )

    @model_validator(mode="after")
    def _realisable(self) -> Self:
        if self.input_bits % self.dac_bits:
            raise ValueError(
                f"periphery.dac_bits = {self.dac_bits} must divide periphery.input_bits = {self.input_bits}"
            )
        if self.weight_slices > self.weight_bits - 1:
            raise ValueError(
                f"periphery.weight_slices = {self.weight_slices} must be at most {self.weight_bits - 1}, the bits of "
                "periphery.weight_bits but for the sign"
            )
        return self

    def lossless_bits(self, rows: int) -> int | None:
        """Bits with which a column of so many rows loses nothing: a code for each sum of its digits; None if analog."""
        if self.weight_slices == 1 or not self.input_bits:
            return None
        digit = int(2 ** -(-(self.weight_bits - 1) // self.weight_slices)) - 1
        return int(rows * (2**self.dac_bits - 1) * digit).bit_length()


class HardwareCosts(Defaults):
    """Energy, area and latency: how crossbars are driven and read, and whose constants count."""

    experiments: Several[str] = Field(default=(), description="whose networks are costed")
    input_bits: Annotated[int, Field(ge=1, le=16)] = Field(
        default=8, description="of an input, one read of the crossbars each"
    )
    weight_bits: Annotated[int, Field(ge=2, le=16)] = Field(
        default=8, description="of a weight, sign included; of sliced weights only"
    )
    weight_slices: Annotated[int, Field(ge=1, le=15)] = Field(
        default=1,
        description="pairs of crossbars that share the bits of a weight; 1 is an analog weight on one pair",
    )
    adc: AdcName = Field(default="isaac", description="whose converter counts; all are compared")
    adc_bits: Annotated[int, Field(ge=1, le=14)] = Field(default=8, description="of a conversion")
    columns_per_adc: Count = Field(default=8, description="columns of a crossbar that share a converter")
    columns: ColumnsCounted = Field(
        default="used", description="whether empty columns of a crossbar are skipped or converted"
    )
    read_volt: Annotated[float, Field(gt=0, le=5)] = Field(default=0.2, description="of a set input bit")
    read_ns: Annotated[float, Field(gt=0, le=1e6)] = Field(default=10.0, description="that a read lasts")
    driver_ns: Annotated[float, Field(gt=0, le=1e6)] = Field(
        default=10.0, description="that a driver is on in a read; ISAAC's are on for 100"
    )
    active_inputs: Inside = Field(
        default=0.5, description="share of the input bits that are set, each independently of the others"
    )

    @model_validator(mode="after")
    def _realisable(self) -> Self:
        least, most = ADC_BITS[self.adc]
        if not least <= self.adc_bits <= most:
            raise ValueError(
                f"costs.adc_bits = {self.adc_bits} must be from {least} to {most} for costs.adc = {self.adc}"
            )
        if self.weight_slices > self.weight_bits - 1:
            raise ValueError(
                f"costs.weight_slices = {self.weight_slices} must be at most {self.weight_bits - 1}, the bits of "
                "costs.weight_bits but for the sign"
            )
        return self


class Adversarial(Defaults):
    """Adversarial images: what an attacker who changes pixels leaves of the accuracy, in software and on crossbars."""

    experiments: Several[str] = Field(default=(), description="whose networks are attacked")
    schemes: AtLeastOne[PaperSchemeName] = Field(
        default=("unpruned", "cf"), description="of those that are attacked"
    )
    test_images: Count = Field(
        default=40, description="random test images, the same everywhere; all where there are fewer"
    )
    variation_seeds: Seeds = Field(
        default=3, description="independent draws of the devices that are attacked"
    )
    attacker_draws: Count = Field(
        default=2,
        description="draws of the devices, none of them attacked, over which an attacker who knows the hardware, but "
        "not the chip, averages",
    )
    known_chips: Count = Field(default=1, description="of those attacked, that an attacker knows as they are")
    epsilons: AtLeastOne[Fraction] = Field(
        default=(0.0078431373, 0.0313725490),
        description="largest change of a pixel, share of full scale (8/255 = 0.0313725)",
    )
    pgd_step_share: Quantile = Field(default=0.25, description="a step of PGD, share of epsilon")
    pgd_steps: Count = Field(default=5, description="of PGD")
    square_epsilon: Fraction = Field(
        default=0.0078431373, description="one of epsilons, at which the attack without gradients is tried"
    )
    square_queries: Count = Field(default=30, description="of that attack (Square), for each image")

    @model_validator(mode="after")
    def _among_them(self) -> Self:
        if self.known_chips > self.variation_seeds:
            raise ValueError(
                f"adversarial.known_chips = {self.known_chips} must be at most adversarial.variation_seeds = "
                f"{self.variation_seeds}"
            )
        if self.square_epsilon not in self.epsilons:
            raise ValueError(
                f"adversarial.square_epsilon = {self.square_epsilon!r} must be among adversarial.epsilons = "
                f"{', '.join(map(repr, self.epsilons))}"
            )
        return self


class AcDc(Defaults):
    """AC/DC (arXiv 2106.12379): masks that come and go in one training, against gradual pruning at equal epochs."""

    experiments: Several[str] = Field(default=(), description="whose pruning is compared")
    schemes: AtLeastOne[PrunedSchemeName] = Field(
        default=("cf", "xcs", "xrs", "unstructured"), description="what lives or dies together"
    )
    crossbar_size: CrossbarSize = Field(default=32, description="one of mapping.crossbar_sizes")
    compressed_phases: Annotated[int, Field(ge=1, le=100)] = Field(
        default=5, description="with dense ones between them; the last one ends the training"
    )
    variation_seeds: Seeds = Field(default=5, description="independent draws of device variation")

    def changes(self, epochs: int) -> tuple[int, ...]:
        """Epochs, from 0, at whose start the masks change: a compressed phase begins, then a dense one, and so on.

        The published shares, which are those of its 200 epochs on CIFAR-100: dense for 5 %, then phases of equal length,
        and at least the last 15 % compressed.

        Raises:
            ValueError: some phase would have no epoch.
        """
        dense = self.compressed_phases - 1
        # In percent: the start of every phase but the last, to the nearest epoch, halves down.
        starts = [5 + fractions.Fraction(80 * number, 2 * dense) for number in range(2 * dense)]
        found = (
            *(math.ceil(start * epochs / 100 - fractions.Fraction(1, 2)) for start in starts),
            85 * epochs // 100,
        )
        if found[0] < 1 or any(after <= before for before, after in pairwise(found)):
            raise ValueError(
                f"acdc.compressed_phases = {self.compressed_phases} must be fewer: in {epochs} epochs (train.epochs and "
                "those of prune) a phase would have none"
            )
        return found


class Claims(Defaults):
    """How the paper's statements are tested."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        default=0.95, description="level of the intervals"
    )
    bootstrap_resamples: Annotated[int, Field(ge=100, le=MOST)] = Field(
        default=10000, description="per interval"
    )
    seed: Seed = Field(default=0, description="of the bootstrap")
    software_tolerance_points: Positive = Field(
        default=2.0, description="software accuracy a pruned network may lose and still count as kept"
    )
    equivalence_points: Positive = Field(
        default=0.5, description="an effect whose whole interval is nearer to zero than this is no effect"
    )
    equivalence_correlation: Inside = Field(default=0.1, description="the same for a rank correlation")
    chance_distance_points: Positive = Field(
        default=5.0, description="accuracy above chance, below which a network has nothing left to lose"
    )


class Execution(Defaults):
    """Where trainings and evaluations run. Changing it runs nothing again."""

    scheduler: str = Field(
        default=LOCAL,
        description="local, none, or the address of a Dask scheduler such as tcp://host:8786; see docs/spreading.md",
    )
    workers: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = Field(
        default="auto", description="processes of scheduler: local; auto is one for each core"
    )
    threads: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=1, description="of each process; another number changes the last bits of results"
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        require_scheduler("execution.scheduler", self.scheduler)
        return self
