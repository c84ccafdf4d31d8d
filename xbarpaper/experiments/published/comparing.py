"""This artifact's networks where others report numbers, under several conventions, and the convention that is nearest.

The published setups leave open how resistive the devices are and whether the readout is calibrated. Both decide how much
is lost, so each combination is tried; what changes besides is what the published number is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd
from torch import nn

from xbarpaper.experiments import crossbars
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.evaluation import Case, Job, cases, evaluated, sweep
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.experiments.journal import Journal
from xbarpaper.experiments.published.numbers import PUBLISHED, Published
from xbarpaper.experiments.subject import Subject
from xbarpaper.mitigation import MITIGATIONS
from xbarpaper.mitigation.parts import Finish
from xbarpaper.params import SCHEMES, Devices, Gain
from xbarpaper.support import progress, spreading

STAGE: Final = "17_published"

Convention = tuple[float, Gain]
"""R_min in ohm, and the calibration of the readout."""


@dataclass(frozen=True)
class DigitalClassifier:
    """Keeps the last layer off the crossbars."""

    module: str  # dotted name of the layer in the network
    then: Finish | None = None  # what is done after that; None for nothing

    def digest(self) -> str:
        """A text that differs where the result differs."""
        return f"{self.module} stays digital" + (f", then {self.then.digest()}" if self.then else "")

    def apply(self, network: nn.Module, software: nn.Module) -> nn.Module:
        """See ``Finish.apply``."""
        digital = software.get_submodule(self.module).state_dict()
        network.get_submodule(self.module).load_state_dict(digital)
        return network if self.then is None else self.then.apply(network, software)


def devices_at(own: Devices, r_min_ohm: float) -> Devices:
    """The profile's devices at another resistance: the same ON/OFF ratio and variation."""
    ratio = own.r_max_ohm / own.r_min_ohm
    return own.model_copy(update={"r_min_ohm": r_min_ohm, "r_max_ohm": ratio * r_min_ohm})


def evaluate(experiment: Experiment) -> pd.DataFrame:
    """Evaluate the network that each published number asks for, under every convention; a killed run goes on.

    Returns:
        One row per number, convention and seed: experiment, dataset, network, source, setting, scheme, crossbar_size,
        mitigation, effects, digital_classifier, published (points lost), r_min_ohm, gain, seed (missing where nothing is
        random), accuracy, software_accuracy in percent, and lost, points.
    """
    settings, found = experiment.params.published, dict[tuple[int, float, int], pd.DataFrame]()
    numbers = [one for one in PUBLISHED if one.crossbar_size in settings.crossbar_sizes]
    draws = sum(1 if one.effects == "wires" else settings.variation_seeds for one in numbers)
    total = draws * len(settings.r_min_ohms) * len(settings.gains)
    with progress.bar("evaluating", total, "row") as bar:

        def arrived(key: tuple[int, float, int], rows: pd.DataFrame) -> None:
            found[key] = rows
            bar.update(len(rows))

        with spreading.workers(experiment.params.execution) as workers:
            journal = Journal(experiment.resume(f"{STAGE}.csv"))
            evaluated(_jobs(experiment, numbers), journal, workers, arrived)
    tables = []
    for (number, r_min_ohm, _), rows in sorted(found.items()):
        one = numbers[number]
        named: dict[str, Any] = {
            "source": one.source, "setting": one.setting, "scheme": one.scheme, "crossbar_size": one.crossbar_size,
            "mitigation": one.mitigation, "effects": one.effects, "digital_classifier": one.digital_classifier,
            "published": one.lost, "r_min_ohm": r_min_ohm,
        }  # fmt: skip
        tables.append(rows[["gain", "seed", "accuracy", "software_accuracy"]].assign(**named))
    table = pd.concat(tables, ignore_index=True)
    table["lost"] = table["software_accuracy"] - table["accuracy"]
    own = ["accuracy", "software_accuracy", "lost"]
    columns = [*(name for name in table if name not in ("gain", "seed", *own)), "gain", "seed", *own]
    return with_leading(table[columns].astype({"seed": "Int64"}), experiment.leading)


def _jobs(experiment: Experiment, numbers: list[Published]) -> Iterator[Job[tuple[int, float, int]]]:
    settings, common = experiment.params.published, bench(experiment)
    for number, one in enumerate(numbers):
        subject = _subject(experiment, one)
        seeds = [None] if one.effects == "wires" else list(range(settings.variation_seeds))
        for r_min_ohm in settings.r_min_ohms:
            wanted = [
                ((number, r_min_ohm, at), Case(one.effects, seed, settings.gains))
                for at, seed in enumerate(seeds)
            ]
            yield Job(subject, replace(common, devices=devices_at(common.devices, r_min_ohm)), wanted)


def _subject(experiment: Experiment, one: Published) -> Subject:
    subject = crossbars.mapped(experiment, one.scheme, one.crossbar_size, MITIGATIONS[one.mitigation])
    if not one.digital_classifier:
        return subject
    last = subject.mapped.layers[-1].module
    return replace(subject, finish=DigitalClassifier(last, subject.finish))


def under(experiment: Experiment, convention: Convention) -> pd.DataFrame:
    """The paper's networks without mitigation, with R and with WCT under a convention, on the largest crossbars.

    Both effects act.

    Returns:
        Columns as in ``evaluation.sweep``, and r_min_ohm.
    """
    params, (r_min_ohm, gain) = experiment.params, convention
    size, common = max(params.mapping.crossbar_sizes), bench(experiment)
    wanted = cases(("both",), params.published.variation_seeds, (gain,), gain)
    moved = replace(common, devices=devices_at(common.devices, r_min_ohm))
    judged = [MITIGATIONS[name] for name in ("none", "R", "WCT")]
    subjects = crossbars.subjects(experiment, judged, (size,))
    journal = experiment.resume(f"{STAGE}-claims.csv")
    with spreading.workers(params.execution) as workers:
        table = sweep(subjects, wanted, moved, journal, len(SCHEMES) * len(judged), workers)
    return with_leading(table.assign(r_min_ohm=r_min_ohm), experiment.leading)
