"""What one training is: its recipe and length, what must hold while it runs, and whom it learns from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from torch import Tensor, nn

from xbarpaper.networks.digests import tensor_digest
from xbarpaper.networks.network import Network
from xbarpaper.params import Distillation, Train


class Constraint(Protocol):
    """Something that must hold for the weights after every step."""

    def apply(self, network: Network) -> None:
        """Make it hold, in place."""

    def digest(self) -> str:
        """A text that differs where the constraint differs."""


class Schedule(Constraint, Protocol):
    """A constraint whose masks change as epochs begin."""

    # True where a weight lives, by layer; empty while all live. A killed run goes on with them
    masks: dict[str, Tensor]

    def begin(self, epoch: int, network: Network) -> bool:
        """Change the masks, if this is an epoch (from 0) at whose start they change; whether it is one."""


@dataclass(frozen=True)
class HeldMask:
    """Pruned weights stay exactly zero."""

    # True where a weight stays, by layer, in the shape of the weight; layers not named keep everything
    masks: dict[str, Tensor]

    def apply(self, network: Network) -> None:
        """Set the pruned weights to zero."""
        weights = network.weights()
        for name, mask in self.masks.items():
            weights[name].masked_fill_(~mask.to(weights[name].device), 0.0)

    def digest(self) -> str:
        """Digest of the masks."""
        return tensor_digest(self.masks)


@dataclass(frozen=True)
class Teacher:
    """A network whose answers another one learns, beside the labels (Hinton et al., arXiv 1503.02531)."""

    network: Network  # the teacher, on any device; it is not changed
    settings: Distillation  # share in the loss, and temperature

    def loss(self, student: Tensor, teacher: Tensor, from_labels: Tensor) -> Tensor:
        """The labels' loss and Kullback-Leibler divergence from the teacher, weighted.

        Args:
            student, teacher: logits, shape (n, classes).
            from_labels: cross entropy of the student.
        """
        weight, temperature = self.settings.weight, self.settings.temperature
        divergence = nn.functional.kl_div(
            (student.float() / temperature).log_softmax(1),
            (teacher.float() / temperature).log_softmax(1),
            reduction="batchmean",
            log_target=True,
        )
        return (1 - weight) * from_labels + weight * temperature**2 * divergence

    def digest(self) -> str:
        """A text that differs where the teacher differs."""
        return f"{self.settings.model_dump_json()} {tensor_digest(self.network.state_dict())}"


@dataclass(frozen=True)
class Run:
    """One training or fine-tuning."""

    title: str  # what its progress is called
    settings: Train  # the section ``train``
    epochs: int  # passes over the training images
    learning_rate: float  # peak of the one-cycle schedule; constant under adam
    seed: int  # seed of batches and augmentation
    # file that a killed run goes on from; None for a run that starts anew each time
    resume: Path | None = None
    constraints: tuple[Constraint, ...] = field(default=())  # what must hold after every step
    schedule: Schedule | None = None  # a constraint that changes from epoch to epoch; None for none
    teacher: Teacher | None = None  # whose answers it learns beside the labels; None for labels alone
    # name under which it can be watched, see ``live.training``; None for a run that nobody watches
    live: str | None = None
    # Nesterov's SGD under the one-cycle schedule, or Adam, whose runs start anew each time
    optimiser: Literal["sgd", "adam"] = "sgd"


def batch_size(settings: Train, images: int) -> int:
    """Images per step, where there are so many training images."""
    return min(settings.batch_size, images)


def steps_per_epoch(settings: Train, images: int) -> int:
    """Steps of one pass over so many training images; those that fill no batch are left out."""
    return images // batch_size(settings, images)


def images_shown(settings: Train, images: int) -> int:
    """Images that one pass over so many training images shows."""
    return steps_per_epoch(settings, images) * batch_size(settings, images)
