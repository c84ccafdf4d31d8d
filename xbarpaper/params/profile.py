"""Every parameter of the artifact, typed and checked once, at the door.

``params.yaml`` at the top of the repository is the active profile. ``load`` reads it strictly: unknown names,
values of the wrong type and values out of range are refused with one line that says what is allowed.
Functions of the library take the section that they need, never the whole tree.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from xbarpaper.params.execution import Execution
from xbarpaper.params.sections import (
    Beyond,
    Claims,
    Dataset,
    Devices,
    Distillation,
    Evaluation,
    Experiment,
    Mapping,
    Parasitics,
    Prune,
    Readout,
    Rearrange,
    Sensitivity,
    Train,
    Wct,
)
from xbarpaper.support.errors import ParameterError
from xbarpaper.support.validation import Section, parse
from xbarpaper.support.yaml_files import read_yaml

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class Params(Section):
    """The whole of ``params.yaml``."""

    profile: str = Field(description="name of the profile; its reports land in reports/<profile>/")
    datasets: Annotated[dict[str, Dataset], Field(min_length=1)]
    experiments: Annotated[dict[str, Experiment], Field(min_length=1)]
    train: Train
    prune: Prune
    distillation: Distillation
    mapping: Mapping
    devices: Devices
    circuit: Parasitics
    readout: Readout
    evaluation: Evaluation
    rearrange: Rearrange
    wct: Wct
    sensitivity: Sensitivity
    beyond: Beyond
    claims: Claims
    execution: Execution

    def experiment(self, name: str) -> Experiment:
        """The experiment of that name.

        Raises:
            ParameterError: there is none; the message lists those there are.
        """
        if name not in self.experiments:
            raise ParameterError(
                f"experiment {name!r} is not in experiments (there are: {', '.join(self.experiments)})"
            )
        return self.experiments[name]

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name.

        Raises:
            ParameterError: there is none; the message lists those there are.
        """
        if name not in self.datasets:
            raise ParameterError(
                f"dataset {name!r} is not in datasets (there are: {', '.join(self.datasets)})"
            )
        return self.datasets[name]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = {
            "profile": [self.profile],
            "datasets": list(self.datasets),
            "experiments": list(self.experiments),
        }
        for group, members in names.items():
            for name in members:
                if not _NAME.fullmatch(name):
                    raise ValueError(f"{group}: the name {name!r} may hold only letters, digits, '-' and '_'")
        for name, experiment in self.experiments.items():
            if experiment.dataset not in self.datasets:
                raise ValueError(
                    f"experiments.{name}.dataset = {experiment.dataset} is not in datasets "
                    f"(there are: {', '.join(self.datasets)})"
                )
        for section, chosen in (("sensitivity", self.sensitivity), ("beyond", self.beyond)):
            for name in chosen.experiments:
                if name not in self.experiments:
                    raise ValueError(
                        f"{section}.experiments: {name} is not in experiments (there are: {', '.join(self.experiments)})"
                    )
        if self.sensitivity.crossbar_size not in self.mapping.crossbar_sizes:
            raise ValueError(
                f"sensitivity.crossbar_size = {self.sensitivity.crossbar_size} must be among "
                f"mapping.crossbar_sizes = {', '.join(map(str, self.mapping.crossbar_sizes))}"
            )
        if self.readout.gain not in self.evaluation.gains:
            raise ValueError(
                f"readout.gain = {self.readout.gain} must be among "
                f"evaluation.gains = {', '.join(self.evaluation.gains)}"
            )
        return self


def load(path: Path | str = "params.yaml") -> Params:
    """Read and check a profile (YAML 1.2).

    Args:
        path: the file; ``params.yaml`` is the active profile.

    Raises:
        ParameterError: the file is missing, is not YAML, or holds a name or a value that is not allowed; the
            message names the file, the parameter, its value and what is allowed.
    """
    return parse(read_yaml(Path(path), hint="copy one of profiles/*.yaml there"), str(path), Params)
