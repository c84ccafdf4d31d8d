"""What a mitigation is: an object made of parts, which say what is prepared, what is finished, and what that costs.

A mitigation is one file: the classes of its parts, and an object that holds them, such as
``R = Mitigation("R", arranges=...)``. ``R + WCT`` has the parts of both. A part declares; experiments carry it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Protocol

import pandas as pd
from torch import nn

from xbarpaper.data import ImageSet
from xbarpaper.hardware.effects import DeviceEffect
from xbarpaper.hardware.mapped import Arrangement, MappedNetwork
from xbarpaper.networks.runs import Run
from xbarpaper.params import SchemeName
from xbarpaper.pruning import PrunedNetwork

if TYPE_CHECKING:  # so that finished rows and resume files outlive a new section
    from xbarpaper.params import Params


@dataclass(frozen=True)
class Costs:
    """What a mitigation takes for one network."""

    training_images: int = 0  # shown with labels, once for all chips
    chip_images: int = 0  # shown without labels, for each chip
    circuit_solutions: int = 0  # of all crossbars, once for all chips
    chip_solutions: int = 0  # the same for each chip, whose devices must have been read out

    def __add__(self, other: Costs) -> Costs:
        return Costs(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


class Part(Protocol):
    """What all parts have; they are compared, so they are frozen dataclasses."""

    def costs(self, params: Params, images: int) -> Costs:
        """What it takes, where there are so many training images."""


@dataclass(frozen=True)
class Start:
    """The network that a mitigation trains on, and how."""

    pruned: PrunedNetwork  # the network, to be trained in place
    scheme: SchemeName  # how it was pruned
    # rows and columns of the crossbars that it is mapped on; None where the network is for any size
    crossbar_size: int | None
    w_max: Mapping[str, float]  # weight that programs the highest conductance, by layer; it stays as it is
    images: ImageSet  # the data
    # the recipe of fine-tuning, its mask held; epochs and learning rate are for the mitigation to say
    run: Run


class Trains(Part, Protocol):
    """Trains a network on before it is mapped."""

    @property
    def name(self) -> str:
        """Of the networks' files, and of the step in tables."""

    @property
    def for_each_size(self) -> bool:
        """Whether a network that does not depend on the crossbar size is trained for each size all the same."""

    @property
    def has_stage(self) -> bool:
        """Whether a stage of its own makes the networks; others are made when they are first asked for."""

    def keeps_range(self, params: Params) -> bool:
        """Whether the network is mapped with the w_max of the network before, not with its own."""

    def behind(self, params: Params) -> dict[str, Any]:
        """The parameters that the training depends on beyond those of pruned networks, by dotted name."""

    def train(self, params: Params, start: Start) -> pd.DataFrame:
        """Train in place; returns a row per epoch, as ``networks.training.train`` does."""


class Arranges(Part, Protocol):
    """Orders rows and columns when a network is mapped."""

    def arrangement(self, params: Params) -> Arrangement | None:
        """The order; None leaves all where it is."""


class Programming(Protocol):
    """How the devices of a chip are programmed, by what is known of them."""

    def program(self, mapped: MappedNetwork, effects: Sequence[DeviceEffect]) -> MappedNetwork:
        """The network with the targets of its devices; ``effects`` are those of the very chip."""

    def digest(self) -> str:
        """A text that differs where the targets differ."""


class Programs(Part, Protocol):
    """Programs the devices to other weights than the network's."""

    @property
    def each_chip(self) -> bool:
        """Whether each chip is programmed for itself; otherwise all alike, with devices taken as nominal."""

    def programming(self, params: Params) -> Programming:
        """How."""


class Finish(Protocol):
    """Something that is done to a network once it sits on its crossbars, chip by chip."""

    def apply(self, network: nn.Module, software: nn.Module) -> nn.Module:
        """Change the network, in place, and return it in evaluation mode; ``software`` is the one without crossbars."""

    def digest(self) -> str:
        """A text that differs where what is done differs."""


class Finishes(Part, Protocol):
    """Changes each network once it sits on the crossbars of a chip."""

    def finish(self, params: Params, images: ImageSet) -> Finish:
        """What is done."""


@dataclass(frozen=True)
class Mitigation:
    """What is done against the non-idealities of crossbars."""

    name: str  # what tables and figures call it
    # trains, arranges, programs, finishes: its parts; at least none
    trains: Trains | None = None
    arranges: Arranges | None = None
    programs: Programs | None = None
    finishes: Finishes | None = None

    def __add__(self, other: Mitigation) -> Mitigation:
        """Both together, named after both.

        Raises:
            ValueError: both have the same kind of part.
        """
        parts = {}
        for kind in _KINDS:
            one, two = getattr(self, kind), getattr(other, kind)
            if one is not None and two is not None:
                raise ValueError(f"{self.name} + {other.name}: both have a part {kind}")
            parts[kind] = two if one is None else one
        return Mitigation(f"{self.name}+{other.name}", **parts)

    def costs(self, params: Params, images: int) -> Costs:
        """What all its parts take for one network."""
        parts: list[Part] = [part for kind in _KINDS if (part := getattr(self, kind)) is not None]
        return sum((part.costs(params, images) for part in parts), Costs())


_KINDS: Final = ("trains", "arranges", "programs", "finishes")

NONE: Final = Mitigation("none")
"""Nothing is done."""
