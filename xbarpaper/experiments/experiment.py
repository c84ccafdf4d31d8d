"""An entry of ``experiments``: its data, its network, and where its files lie.

What is done with it stands in the modules beside this one, by the kind of network: ``trained`` (unpruned), ``pruned``,
and ``trained_on`` (by a mitigation, after pruning). So a stage depends on the parameters of the networks that it uses.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.experiments.paths import DATA, RESULTS
from xbarpaper.networks import Architecture
from xbarpaper.params import Experiment as ExperimentSection
from xbarpaper.params import Params, SchemeName
from xbarpaper.support.files import write_table

STAGE_VARIABLE: Final = "XBARPAPER_STAGE"
"""Environment variable in which the runner of the stages names the one that runs."""


@dataclass(frozen=True)
class Variant:
    """A pruning scheme at a crossbar size; size None where the network does not depend on it."""

    scheme: SchemeName
    crossbar_size: int | None = None

    @property
    def label(self) -> str:
        """Name of its files, for example ``xcs-16``."""
        return self.scheme if self.crossbar_size is None else f"{self.scheme}-{self.crossbar_size}"


UNPRUNED: Final = Variant("unpruned")


class Experiment:
    """An entry of ``experiments``, with its files."""

    def __init__(self, name: str, params: Params) -> None:
        """Without a name it is the first entry. Its parameters hold no other: nothing of it can depend on another."""
        self.name = name or next(iter(params.experiments))
        self.section: ExperimentSection = params.experiment(self.name)
        self.params = params.model_copy(update={"experiments": {self.name: self.section}})

    @property
    def origin(self) -> Experiment:
        """The experiment whose networks mitigations train on."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Without the images: a task takes them as an argument of its own, so that they are sent once."""
        return {name: value for name, value in self.__dict__.items() if name != "images"}

    @cached_property
    def images(self) -> ImageSet:
        """The prepared dataset."""
        name = self.section.dataset
        return data.load(DATA / "datasets" / f"{name}.safetensors", self.params.dataset(name))

    @cached_property
    def architecture(self) -> Architecture:
        """The whole network."""
        return Architecture(
            network=self.section.network, width=self.section.width, classes=len(self.images.classes)
        )

    @property
    def description(self) -> str:
        """Network and data, for titles."""
        return f"{self.architecture.label} on {self.images.description}"

    @property
    def leading(self) -> dict[str, Any]:
        """The columns that name the experiment, in front of every table."""
        return {"experiment": self.name, "dataset": self.section.dataset, "network": self.section.network}

    def leading_of(self, variant: Variant) -> dict[str, Any]:
        """The columns that name one of its networks."""
        return self.leading | {"scheme": variant.scheme, "crossbar_size": variant.crossbar_size}

    def results(self, stage: str) -> Path:
        """Folder of a stage's tables."""
        return RESULTS / self.params.profile / self.name / stage

    def resume(self, label: str) -> Path:
        """A file that a killed run of this stage goes on from; outside of what DVC removes before a stage.

        The runner of the stages names the stage in ``XBARPAPER_STAGE`` and removes its folder once it has ended.
        """
        stage = os.environ.get(STAGE_VARIABLE) or "by-hand"
        return DATA / "resume" / self.name / stage / self.labelled(label)

    def live(self, label: str) -> str:
        """Name under which a training can be watched."""
        return f"{self.name}/{self.labelled(label)}"

    def labelled(self, label: str) -> str:
        """Name of a file of unfinished work among those of the experiment."""
        return label

    @property
    def checkpoints(self) -> Path:
        """Folder of its networks."""
        return DATA / "checkpoints" / self.name

    def checkpoint_path(self, variant: Variant, trained_on: str = "") -> Path:
        """Where the checkpoint of a network is kept.

        Args:
            trained_on: name of the training that followed, such as ``wct``.
        """
        if not trained_on and variant.scheme == "unpruned":
            return self.checkpoints / f"{variant.label}.safetensors"
        return self.checkpoints / (trained_on or variant.scheme) / f"{variant.label}.safetensors"

    def write(self, stage: str, **tables: pd.DataFrame) -> list[Path]:
        """Write a stage's tables, ``name=table``; returns their paths."""
        return [write_table(self.results(stage) / f"{name}.csv", table) for name, table in tables.items()]


class Apart(Experiment):
    """An experiment with parameters or images of its own; what it makes lies in a folder apart.

    The unpruned network is the experiment's. With other images, mitigations train on from the experiment's networks.

    Args:
        experiment: what it is apart from.
        folder: of its files among those of the experiment.
        params: its parameters; those of the experiment if not given.
        images: its data; those of the experiment if not given.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: str,
        *,
        params: Params | None = None,
        images: ImageSet | None = None,
    ) -> None:
        super().__init__(experiment.name, params or experiment.params)
        self.folder, self._origin = folder, None if images is None else experiment
        self.__dict__["images"] = experiment.images if images is None else images

    @property
    def origin(self) -> Experiment:
        """See ``Experiment.origin``."""
        return self._origin or self

    def labelled(self, label: str) -> str:
        """See ``Experiment.labelled``."""
        return f"{self.folder}/{label}"

    def checkpoint_path(self, variant: Variant, trained_on: str = "") -> Path:
        """See ``Experiment.checkpoint_path``."""
        path = super().checkpoint_path(variant, trained_on)
        if variant.scheme == "unpruned":
            return path
        return self.checkpoints / self.folder / path.relative_to(self.checkpoints)


def gather(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One table of several; crossbar sizes stay whole numbers where some are missing."""
    table = pd.concat(list(tables), ignore_index=True)
    return table.astype({"crossbar_size": "Int64"})


def with_leading(table: pd.DataFrame, leading: Mapping[str, Any]) -> pd.DataFrame:
    """A table with columns of one value each in front."""
    front = pd.DataFrame({name: [value] * len(table) for name, value in leading.items()}, index=table.index)
    return pd.concat([front, table], axis=1)
