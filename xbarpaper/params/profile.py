"""Every parameter of the artifact, typed and checked once, at the door.

``params.yaml`` at the top of the repository is the active profile, whole. ``load`` reads it strictly: unknown names,
values of the wrong type and values out of range are refused with one line that says what is allowed.
``load_profile`` reads a file of ``profiles/``, which holds only what differs from the defaults.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from xbarpaper.params.datasets import Dataset, ImageFolder
from xbarpaper.params.rules import require_after_programming, require_among
from xbarpaper.params.sections.claims import Claims
from xbarpaper.params.sections.crossbars import Devices, Mapping, Parasitics, Readout
from xbarpaper.params.sections.evaluation import Evaluation, Mechanism
from xbarpaper.params.sections.execution import Execution
from xbarpaper.params.sections.hardware import HardwareCosts, Periphery
from xbarpaper.params.sections.mitigations import Beyond, Rearrange, Wct
from xbarpaper.params.sections.neighbours import AcDc, Adversarial, OnCrossbarTraining, Spiking
from xbarpaper.params.sections.surveys import DeviceEffects, Published, Search, Sensitivity
from xbarpaper.params.sections.training import Distillation, Experiment, Prune, Train
from xbarpaper.support.errors import ParameterError
from xbarpaper.support.validation import Defaults, parse
from xbarpaper.support.yaml_files import read_yaml

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

SOURCES: Final = "sources"
"""What params.yaml calls ``Params.sources``."""


class Params(Defaults):
    """The whole of ``params.yaml``."""

    profile: str = Field(description="name of the profile; its reports land in reports/<profile>/")
    datasets: Annotated[dict[str, Dataset], Field(min_length=1)] = Field(description="images, by name")
    experiments: Annotated[dict[str, Experiment], Field(min_length=1)] = Field(
        description="one pass through the pipeline each; names are unique over all profiles; replicates differ by "
        "training_seed alone"
    )
    train: Train = Train()
    prune: Prune = Prune()
    distillation: Distillation = Distillation()
    mapping: Mapping = Mapping()
    devices: Devices = Devices()
    circuit: Parasitics = Parasitics()
    readout: Readout = Readout()
    evaluation: Evaluation = Evaluation()
    rearrange: Rearrange = Rearrange()
    wct: Wct = Wct()
    mechanism: Mechanism = Mechanism()
    sensitivity: Sensitivity = Sensitivity()
    effects: DeviceEffects = DeviceEffects()
    beyond: Beyond = Beyond()
    search: Search = Search()
    published: Published = Published()
    periphery: Periphery = Periphery()
    costs: HardwareCosts = HardwareCosts()
    adversarial: Adversarial = Adversarial()
    acdc: AcDc = AcDc()
    spiking: Spiking = Spiking()
    on_crossbar_training: OnCrossbarTraining = OnCrossbarTraining()
    claims: Claims = Claims()
    execution: Execution = Execution()

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

    @property
    def pruned_epochs(self) -> int:
        """Passes over the training images behind a pruned network: training, steps of pruning, and fine-tuning."""
        train, prune = self.train, self.prune
        return train.epochs if prune.when == "init" else train.epochs + prune.steps - 1 + prune.epochs

    @property
    def sources(self) -> list[str]:
        """Kinds of datasets that are prepared from image files outside of the repository."""
        return sorted({entry.kind for entry in self.datasets.values() if isinstance(entry, ImageFolder)})

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> Self:
        names = {
            "profile": [self.profile],
            "datasets": list(self.datasets),
            "experiments": list(self.experiments),
        }
        for group, members in names.items():
            for name in members:
                if not _NAME.fullmatch(name):
                    raise ValueError(f"{group}: the name {name!r} may hold only letters, digits, '-' and '_'")
            if len({name.lower() for name in members}) < len(members):
                listed = ", ".join(members)
                raise ValueError(f"{group}: names must differ in more than capitals (there are: {listed})")
        return self

    @model_validator(mode="after")
    def _folders_are_named_apart(self) -> Self:
        folders = {
            n: one.path_environment for n, one in self.datasets.items() if isinstance(one, ImageFolder)
        }
        named = dict[str, str]()
        for name, variable in folders.items():
            if (other := named.setdefault(variable, name)) != name:
                raise ValueError(
                    f"datasets: {other} and {name} are both named by the environment variable {variable}; give each "
                    "a path_environment of its own"
                )
        return self

    @model_validator(mode="after")
    def _experiments_are_known(self) -> Self:
        first = dict[Experiment, str]()
        for name, experiment in self.experiments.items():
            if (twin := first.setdefault(experiment, name)) != name:
                raise ValueError(f"experiments: {twin} and {name} are one experiment; change a training_seed")
            if experiment.dataset not in self.datasets:
                raise ValueError(
                    f"experiments.{name}.dataset = {experiment.dataset} is not in datasets "
                    f"(there are: {', '.join(self.datasets)})"
                )
        for section, chosen in self:
            for name in getattr(chosen, "experiments", ()):
                if name not in self.experiments:
                    raise ValueError(
                        f"{section}.experiments: {name} is not in experiments (there are: {', '.join(self.experiments)})"
                    )
        return self

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        for section in ("sensitivity", "effects", "search", "acdc"):
            chosen = getattr(self, section)
            if chosen.experiments:
                require_among(
                    f"{section}.crossbar_size",
                    chosen.crossbar_size,
                    "mapping.crossbar_sizes",
                    self.mapping.crossbar_sizes,
                )
        if self.acdc.experiments:
            self.acdc.changes(self.pruned_epochs)
        most, lossless = (
            max(self.periphery.adc_bits),
            self.periphery.lossless_bits(max(self.mapping.crossbar_sizes)),
        )
        if lossless is not None and most > lossless:
            raise ValueError(
                f"periphery.adc_bits = {most} must be at most {lossless}: a column of the largest crossbar has no more "
                "different sums of its slices' digits"
            )
        require_among("readout.gain", self.readout.gain, "evaluation.gains", self.evaluation.gains)
        return self

    @model_validator(mode="after")
    def _effects_fit_the_devices(self) -> Self:
        devices, effects = self.devices, self.effects
        for name, most, beside, others in (
            ("stuck_low", max(effects.stuck_low, default=0.0), "stuck_high", devices.stuck_high),
            ("stuck_high", max(effects.stuck_high, default=0.0), "stuck_low", devices.stuck_low),
            ("clusters", max(effects.clusters, default=0.0), "stuck_high", devices.stuck_high),
        ):
            if most + others > 1:
                raise ValueError(
                    f"effects.{name} = {most!r} and devices.{beside} = {others!r} must add up to at most 1"
                )
        for name in self.spiking.experiments:
            if not (chosen := self.experiments[name].network).startswith("vgg"):
                raise ValueError(f"spiking.experiments: {name} is a {chosen}, and only a VGG can spike")
        for setting, preset, is_used in (
            ("spiking.read_noise", self.spiking.read_noise, self.spiking.experiments),
            ("effects.technology", effects.technology, effects.experiments),
        ):
            if is_used:
                require_after_programming("devices.read_at_s", devices.read_at_s, setting, preset)
        return self


def load(path: Path | str = "params.yaml") -> Params:
    """Read and check the active profile (YAML 1.2). Every parameter must be in it.

    It also lists ``sources``, which follow from its datasets, because dvc.yaml cannot compute them.

    Raises:
        ParameterError: the file is missing, is not YAML, leaves a parameter out, or holds a name or a value that is
            not allowed; the message names the file, the parameter, its value and what is allowed.
    """
    tree = read_yaml(Path(path), hint="`make profile PROFILE=quick` writes it")
    listed = tree.pop(SOURCES, []) if isinstance(tree, dict) else []
    params = parse(tree, str(path), Params, whole=True)
    if listed != params.sources:
        raise ParameterError(
            f"{path}: {SOURCES} = {listed} must be {params.sources}: those kinds of datasets whose images lie outside"
        )
    return params


def load_profile(path: Path | str) -> Params:
    """Read and check a profile, such as ``profiles/quick.yaml``: what it leaves out has its default.

    It is called like its file unless it says another name.

    Raises:
        ParameterError: as ``load``, but nothing need be in it except datasets and experiments.
    """
    path = Path(path)
    tree = read_yaml(path)
    return parse({"profile": path.stem, **tree} if isinstance(tree, dict) else tree, str(path), Params)
