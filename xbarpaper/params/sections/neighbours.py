"""The questions of neighbouring papers: attacks, AC/DC, spiking networks, training on crossbars."""

from __future__ import annotations

import fractions
import math
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from xbarpaper.params.names import (
    AtLeastOne,
    Coding,
    Count,
    CrossbarSize,
    Factor,
    Fraction,
    Leak,
    OnOffRatio,
    PaperSchemeName,
    Positive,
    PrunedSchemeName,
    Quantile,
    ReadPreset,
    Seeds,
    Several,
    Share,
    SpikingStart,
    TrainingPhase,
    TrainingStart,
)
from xbarpaper.params.rules import require_among
from xbarpaper.params.sections.crossbars import Devices
from xbarpaper.support.validation import Defaults


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
        require_among(
            "adversarial.square_epsilon", self.square_epsilon, "adversarial.epsilons", self.epsilons
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
        require_among("spiking.train_steps", self.train_steps, "spiking.steps", self.steps)
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
