"""The sections of ``params.yaml``, each with its ranges; functions take the section that they need."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from xbarpaper.params.names import (
    MOST,
    ColumnOrder,
    Count,
    CrossbarSize,
    DeviceOhm,
    Factor,
    Gain,
    NetworkName,
    Ohm,
    Positive,
    Precision,
    Quantile,
    Seed,
    Share,
    WeightDecay,
)
from xbarpaper.support.validation import Section


class Shapes10(Section):
    """The procedural ten-class dataset: no download, no licence, drawn from a seed in seconds."""

    kind: Literal["shapes10"]
    train_images: Annotated[int, Field(ge=10, le=MOST)] = Field(
        description="training images, split evenly over the classes"
    )
    test_images: Annotated[int, Field(ge=10, le=MOST)] = Field(
        description="test images, split evenly over the classes"
    )
    noise_sigma: Annotated[float, Field(ge=0, le=1)] = Field(description="pixel noise, share of full scale")
    seed: Seed = Field(description="seed of the images")


class Cifar(Section):
    """CIFAR-10 or CIFAR-100 in their original files, through torchvision with its checksums."""

    kind: Literal["cifar10", "cifar100"]
    root: str = Field(description="folder for the original files, relative to the repository")
    download: bool = Field(description="download the files if they are missing")


class ImageFolder(Section):
    """Any tree ``train/<class>/*`` and ``test/<class>/*`` of images, or a .tar, .tar.xz or .tar.gz of one."""

    kind: Literal["image_folder"]
    path: str = Field(description="folder or archive, relative to the repository")
    path_environment: str = Field(description="environment variable that, where set, takes the place of path")
    description: str = Field(description="what figures and reports call this data")
    image_pixels: Literal[32] = Field(description="height and width of every image, pixels")


Dataset = Annotated[Shapes10 | Cifar | ImageFolder, Field(discriminator="kind")]


class Experiment(Section):
    """One network on one dataset, at one sparsity."""

    dataset: str = Field(description="name of an entry of datasets")
    network: NetworkName = Field(description="architecture")
    width: Annotated[float, Field(gt=0, le=4)] = Field(
        description="channels relative to the standard network"
    )
    sparsity: Share = Field(description="fraction of weights removed from the prunable layers")
    training_seed: Seed = Field(description="seed of initialisation, batches and augmentation")


class Train(Section):
    """Training of the unpruned network."""

    device: Literal["auto", "cpu", "cuda"] = Field(description="where to train and evaluate")
    precision: Precision = Field(description="arithmetic of the forward pass")
    epochs: Count = Field(description="passes over the training images")
    batch_size: Count = Field(description="images per step")
    learning_rate: Positive = Field(description="peak of the one-cycle schedule")
    warmup_share: Annotated[float, Field(gt=0, lt=1)] = Field(description="share of the steps until the peak")
    momentum: Share = Field(description="Nesterov momentum")
    weight_decay: WeightDecay = Field(description="L2 penalty on every weight")
    label_smoothing: Share = Field(description="share of the target spread over all classes")
    flip: bool = Field(description="mirror training images at random")
    shift_pixels: Annotated[int, Field(ge=0, le=16)] = Field(
        description="largest shift of the random crop, pixels"
    )
    cut_out_pixels: Annotated[int, Field(ge=0, le=32)] = Field(
        description="side of the square blanked in each training image, pixels; fine-tuning blanks none"
    )


class Prune(Section):
    """Structured pruning and the fine-tuning that follows."""

    when: Literal["trained", "init"] = Field(description="prune the trained network, or at initialisation")
    steps: Count = Field(
        description="the sparsity grows to its end in so many, an epoch after each but the last (when: trained)"
    )
    epochs: Count = Field(description="fine-tuning passes after the last step (when: trained)")
    learning_rate: Positive = Field(description="peak of the fine-tuning schedule (when: trained)")
    weight_decay: WeightDecay = Field(
        description="L2 penalty from then on, for pruned networks (when: trained)"
    )
    first_convolution: bool = Field(description="may the first convolution be pruned")
    classifier: bool = Field(description="may the classifier be pruned")


class Distillation(Section):
    """What fine-tuning and WCT learn from the unpruned network (Hinton et al., arXiv 1503.02531)."""

    weight: Share = Field(
        description="share of the teacher's answers in the loss; 0 learns from labels alone"
    )
    temperature: Annotated[float, Field(gt=0, le=1000)] = Field(
        description="softening of teacher's and student's logits"
    )


class Mapping(Section):
    """From weight matrices to crossbars."""

    crossbar_sizes: Annotated[tuple[CrossbarSize, ...], Field(min_length=1)] = Field(
        description="rows and columns of a crossbar; everything is done for each size"
    )
    low_conductance_threshold: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="a device is low below g_min + this share of (g_max - g_min)"
    )
    w_max_quantile: Quantile = Field(
        description="quantile of a layer's |w| that programs the highest conductance; 1 is its largest"
    )

    @model_validator(mode="before")
    @classmethod
    def _sequence(cls, values: Any) -> Any:
        return _with_tuples(values, "crossbar_sizes")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _refuse_repeats("mapping.crossbar_sizes", self.crossbar_sizes)
        return self


class Devices(Section):
    """The memristive devices."""

    r_min_ohm: DeviceOhm = Field(description="lowest programmable resistance")
    r_max_ohm: DeviceOhm = Field(description="highest programmable resistance")
    variation_sigma: Annotated[float, Field(ge=0, le=1)] = Field(
        description="sigma/mu of programmed conductances"
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
        if self.r_max_ohm <= self.r_min_ohm:
            raise ValueError(
                f"devices.r_max_ohm = {self.r_max_ohm:g} must exceed devices.r_min_ohm = {self.r_min_ohm:g}"
            )
        return self


class Parasitics(Section):
    """The linear resistances around a crossbar's devices; any of them may be zero."""

    driver_ohm: Ohm = Field(default=1e3, description="from each input to its row wire")
    row_wire_ohm: Ohm = Field(default=5.0, description="row wire between neighbouring columns")
    column_wire_ohm: Ohm = Field(default=10.0, description="column wire between neighbouring rows")
    sense_ohm: Ohm = Field(default=1e3, description="from each column wire to virtual ground")

    @property
    def ideal(self) -> bool:
        """Whether nothing resists."""
        return not (self.driver_ohm or self.row_wire_ohm or self.column_wire_ohm or self.sense_ohm)


class Readout(Section):
    """Digital calibration of what the crossbars give."""

    gain: Gain = Field(
        description="least-squares factor: none, or one per layer, per tile or per tile column"
    )


class Evaluation(Section):
    """The sweep over disturbed networks."""

    variation_seeds: Annotated[int, Field(ge=2, le=MOST)] = Field(
        description="independent draws of device variation"
    )
    gains: Annotated[tuple[Gain, ...], Field(min_length=1)] = Field(description="gain modes to compare")
    batch_size: Count = Field(description="test images at a time")
    precision: Precision = Field(description="arithmetic of inference on crossbars")

    @model_validator(mode="before")
    @classmethod
    def _sequence(cls, values: Any) -> Any:
        return _with_tuples(values, "gains")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _refuse_repeats("evaluation.gains", self.gains)
        return self


class Rearrange(Section):
    """Mitigation R: the order of columns on the crossbars."""

    order: ColumnOrder = Field(description="of mean conductance, from the driver on")


class Wct(Section):
    """Mitigation WCT: Weight-Constrained-Training."""

    cut_quantile: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="quantile of a layer's |w| kept as its limit"
    )
    epochs: Count = Field(description="fine-tuning passes under the limit")
    learning_rate: Positive = Field(description="peak of the fine-tuning schedule")


class Beyond(Section):
    """Mitigations that the paper does not have."""

    experiments: tuple[str, ...] = Field(description="experiments that try them")
    arrangement_rounds: Count = Field(
        description="rounds of rows and columns of two-dimensional rearrangement"
    )
    batch_norm_images: Annotated[int, Field(ge=2, le=MOST)] = Field(
        description="training images, without labels, that re-estimate batch-norm statistics"
    )
    tuning_epochs: Count = Field(description="passes of fine-tuning through the circuit")
    tuning_learning_rate: Positive = Field(description="peak of its schedule")
    tuning_refresh_steps: Count = Field(description="steps between two solutions of the circuits")
    compensation_rounds: Count = Field(description="solutions of the circuits, each followed by a correction")

    @model_validator(mode="before")
    @classmethod
    def _sequence(cls, values: Any) -> Any:
        return _with_tuples(values, "experiments")


class Sensitivity(Section):
    """Where in the space of conventions the claims live: one parameter at a time around the profile's point."""

    experiments: tuple[str, ...] = Field(description="experiments that are mapped out")
    crossbar_size: CrossbarSize = Field(description="rows and columns; one of mapping.crossbar_sizes")
    variation_seeds: Annotated[int, Field(ge=2, le=MOST)] = Field(
        description="independent draws of device variation"
    )
    test_images: Count = Field(
        description="random test images, the same everywhere; all where there are fewer"
    )
    fine_tuning_epochs: Count = Field(description="after pruning to another sparsity than the experiment's")
    on_off_ratios: Annotated[tuple[Annotated[float, Field(gt=1, le=1e6)], ...], Field(min_length=1)] = Field(
        description="r_max_ohm over r_min_ohm, at the profile's r_min_ohm"
    )
    w_max_quantiles: Annotated[tuple[Quantile, ...], Field(min_length=1)] = Field(
        description="of a layer's |w|; see mapping.w_max_quantile"
    )
    wire_factors: Annotated[tuple[Factor, ...], Field(min_length=1)] = Field(
        description="row and column wires relative to the profile's"
    )
    driver_factors: Annotated[tuple[Factor, ...], Field(min_length=1)] = Field(
        description="driver and sense resistances relative to the profile's"
    )
    crossbar_sizes: Annotated[tuple[CrossbarSize, ...], Field(min_length=1)] = Field(
        description="of networks whose pruning does not depend on the size"
    )
    sparsities: Annotated[tuple[Share, ...], Field(min_length=1)] = Field(
        description="weights removed; trained where it is not the experiment's"
    )
    variation_sigmas: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1)] = Field(
        description="sigma/mu of programmed conductances"
    )

    @model_validator(mode="before")
    @classmethod
    def _sequence(cls, values: Any) -> Any:
        return _with_tuples(values, *cls.model_fields)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for name, values in self:
            if isinstance(values, tuple):
                _refuse_repeats(f"sensitivity.{name}", values)
        return self


class Claims(Section):
    """How the paper's statements are tested."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(description="level of the intervals")
    bootstrap_resamples: Annotated[int, Field(ge=100, le=MOST)] = Field(description="resamples per interval")
    seed: Seed = Field(description="seed of the bootstrap")
    software_tolerance_points: Positive = Field(
        description="accuracy a pruned network may lose and still count as kept"
    )


def _with_tuples(values: Any, *names: str) -> Any:
    """YAML gives lists; the sections are frozen and hold tuples."""
    if not isinstance(values, dict):
        return values
    return {key: tuple(v) if key in names and isinstance(v, list) else v for key, v in values.items()}


def _refuse_repeats(name: str, values: tuple[Any, ...]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"{name} = {', '.join(map(str, values))} must not repeat a value")
