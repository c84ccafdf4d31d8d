"""What each stage of a profile costs on this machine, in minutes and memory, without running it.

``python benchmarks/costs.py cifar10-small cifar10-full paper`` writes reports/benchmarks/costs-<profile>.csv for each.

Measured, each in a process of its own and on random images and weights: a few training steps at the profile's batch
size on a dataset of its size (unpruned; XCS and C/F with their masks held and, where the profile distils, a teacher),
inference on 256 images, and for each crossbar size one mapping, one solution of all crossbars, unpruned and C/F; peak
memory of each. That is done once for each network and width, on the first such experiment. Extrapolated from these: a
stage's minutes, as its steps, test images, solutions and rows times what one of them took; where the sparsity differs,
C/F costs in proportion to the weights that are left; XCS and XRS are taken to be solved like C/F and to infer like
unpruned, and circuits to cost at every point of the sensitivity what they cost at its own size, and where others report
numbers what they cost at the nearest size of the profile. Assumed: ten seconds for
a notebook's kernel and pictures, and that a folder of images holds as many as CIFAR-10. Downloading is not counted.
Stages that only read tables (figures, claims, publish) take under a minute and are left out; so is any stage that this
program does not know, by name.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from costs_part import PARTS, image_counts, measure
from tqdm import tqdm

from xbarpaper import params
from xbarpaper.experiments.published.numbers import PUBLISHED
from xbarpaper.experiments.search import space
from xbarpaper.experiments.sensitivity.conventions import conventions
from xbarpaper.experiments.sensitivity.points import plan
from xbarpaper.params import MITIGATIONS, SCHEMES, Params, SchemeName
from xbarpaper.params.names import PRUNED_SCHEMES
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError, command
from xbarpaper.support.yaml_files import read_yaml

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "reports" / "benchmarks"
NOTEBOOK_SECONDS = 10.0
_TESTED = ("none", "R", "best R", "unmoved", "WCT", "best WCT", "unlimited")  # what the search tests at most
COLUMNS = ["stage", "experiment", "minutes", "gib", "hardware"]
_IMPORTED = ["xbarpaper.experiments.mechanism", "xbarpaper.networks.training"]  # once, not for each part
_TABLES_ONLY = {"figures", "claims", "publish"}

Measured = dict[str, Any]
Costs = dict[str, tuple[float, float]]
"""Seconds and GiB by stage."""


@command("costs")
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("profiles", nargs="+", metavar="PROFILE", help="of profiles/, or a file")
    parser.add_argument("--seconds", type=float, default=3.0, help="of training steps, for each measurement")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the tables go")
    arguments = parser.parse_args()
    for name in arguments.profiles:
        path = Path(name) if name.endswith(".yaml") else ROOT / "profiles" / f"{name}.yaml"
        settings = params.load_profile(path)
        table = costs(path.resolve(), settings, arguments.seconds)
        print(f"\n{settings.profile}")
        print(table.drop(columns="hardware").to_string(index=False))
        print(f"{table['minutes'].sum() / 60:.1f} hours in all; {table['hardware'].iloc[0]}")
        print(f"not estimated: {', '.join(left_out(table))}")
        print(files.write_table(arguments.output / f"costs-{settings.profile}.csv", table))


def costs(path: Path, settings: Params, seconds: float) -> pd.DataFrame:
    """Minutes and memory of every stage of a profile."""
    rows, prepared = [], set[str]()
    for name, experiment in tqdm(settings.experiments.items(), desc=settings.profile, unit="experiment"):
        same = experiment.network, experiment.width
        alike = next(key for key, one in settings.experiments.items() if (one.network, one.width) == same)
        measured = {part: _measure(part, path, alike, seconds) for part in PARTS if part != "data"}
        left = (1 - experiment.sparsity) / (1 - settings.experiments[alike].sparsity)
        hardware = measured["circuit"]["hardware"]
        if experiment.dataset not in prepared:
            prepared.add(experiment.dataset)
            found = _measure("data", path, name, seconds)
            minutes = (found["seconds"] + NOTEBOOK_SECONDS) / 60
            rows.append(("data", experiment.dataset, minutes, found["gib"], hardware))
        rows += [
            (stage, name, (cost + NOTEBOOK_SECONDS) / 60, gib, hardware)
            for stage, (cost, gib) in estimate(settings, name, measured, left).items()
        ]
    return pd.DataFrame(rows, columns=COLUMNS).round({"minutes": 2, "gib": 2})


@cache
def _measure(part: str, path: Path, experiment: str, seconds: float) -> Measured:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    try:
        with ProcessPoolExecutor(1, mp_context=context) as alone:
            return alone.submit(measure, part, path, experiment, seconds).result()
    except BrokenProcessPool:
        raise ArtifactError(f"{experiment}, {part}: killed, most often because memory ran out") from None


@dataclass(frozen=True)
class Pace:
    """What passes over images, and work on crossbars, take for an experiment; in seconds."""

    settings: Params
    measured: dict[str, Measured]  # what each part took
    images: int  # for training
    tested: int  # for the accuracy
    left: float  # weights that C/F leaves here, over those of the experiment that was measured

    @property
    def steps(self) -> int:
        """Of a pass over the training images."""
        return self.images // min(self.settings.train.batch_size, self.images)

    def epochs(self, part: str, count: int) -> float:
        """Passes over the training images, the test images after each."""
        one, share = self.measured[part], self.left if part == "cf" else 1.0
        return float(share * count * (self.steps * one["step_s"] + self.tested * one["test_image_s"]))

    def crossbars(
        self,
        solved: float,
        varied: int,
        rows: float,
        mapped: int,
        at: Sequence[int] = (),
        schemes: Sequence[SchemeName] = SCHEMES,
    ) -> float:
        """Solutions, solutions without wires, evaluations and mappings of every scheme, at every size if not told."""
        total, circuit = 0.0, self.measured["circuit"]
        for size in at or self.settings.mapping.crossbar_sizes:
            for scheme in schemes:
                pruned, share = scheme != "unpruned", 1.0 if scheme == "unpruned" else self.left
                one, image_s = circuit["sizes"][str(size)]["cf" if pruned else "unpruned"], circuit["image_s"]
                shown = self.left * image_s["cf"] if scheme == "cf" else image_s["unpruned"]
                solutions = solved * one["read_s"] + varied * one["variation_s"]
                total += share * solutions + mapped * one["map_s"]
                total += rows * (one["twin_s"] + self.tested * shown)
        return total


def estimate(settings: Params, name: str, measured: dict[str, Measured], left: float = 1.0) -> Costs:
    """Seconds, without the notebook's own, and GiB of every stage of an experiment; arguments as in ``Pace``."""
    experiment = settings.experiment(name)
    pace = Pace(settings, measured, *image_counts(settings.dataset(experiment.dataset)), left)
    sizes, seeds = settings.mapping.crossbar_sizes, settings.evaluation.variation_seeds
    epochs, crossbars, circuit = pace.epochs, pace.crossbars, measured["circuit"]
    trained, wct = settings.prune.when == "trained", settings.wct.epochs
    fine_tuning = settings.prune.epochs if trained else settings.train.epochs
    gradual = epochs("masked", settings.prune.steps - 1 if trained else 0)  # nothing is removed yet
    segments = (gradual + epochs("masked", fine_tuning)) * len(sizes)
    constrained = epochs("masked", wct) * (1 + 2 * len(sizes)) + epochs("cf", wct)
    rows = 1 + seeds + seeds * len(settings.evaluation.gains)
    draws = settings.mechanism.variation_seeds
    exchanged = crossbars(2 + draws, 1, draws * (2 + 2 * circuit["layers"]), 1, sizes[-1:])
    gib = {part: one["gib"] for part, one in measured.items()}
    most = max(gib["masked"], gib["circuit"])
    found: Costs = {
        "train": (epochs("trained", settings.train.epochs), gib["trained"]),
        "prune_cf": (gradual + epochs("cf", fine_tuning), max(gib["cf"], gib["masked"] if gradual else 0.0)),
        "prune_xcs": (segments, gib["masked"]),
        "prune_xrs": (segments, gib["masked"]),
        "map": (crossbars(1, 0, 0, 1), gib["circuit"]),
        "evaluate": (crossbars(1 + seeds, seeds, rows, 1), gib["circuit"]),
        "rearrange": (crossbars(1 + seeds, 0, seeds, 2), gib["circuit"]),
        "wct": (constrained + crossbars(2 * (1 + seeds), 0, 2 * seeds, 4), most),
        "mechanism": (exchanged + 3 * len(SCHEMES) * circuit["error_s"], circuit["mechanism_gib"]),
    }
    if name in settings.sensitivity.experiments:
        found["sensitivity"] = (_sensitivity(pace, name), most)
    if name in settings.beyond.experiments:
        found["beyond"] = (_beyond(pace), most)
    if name in settings.search.experiments:
        found["search"] = (_search(pace), most)
    if name in settings.published.experiments:
        found["published"] = (_published(pace), circuit["mechanism_gib"])
    return found


def _sensitivity(pace: Pace, name: str) -> float:
    """Networks of other sparsities trained, and every point evaluated."""
    settings, survey = pace.settings, pace.settings.sensitivity
    points = plan(conventions(settings), settings, name)
    others = {point.at.sparsity for point in points} - {0.0, settings.experiment(name).sparsity}
    retrained = survey.fine_tuning_epochs + settings.wct.epochs
    training = len(others) * (pace.epochs("cf", retrained) + 2 * pace.epochs("masked", retrained))
    each = survey.variation_seeds * len(MITIGATIONS)
    share = min(1.0, survey.test_images / pace.tested)  # of the test images
    at = (survey.crossbar_size,)
    return training + sum(pace.crossbars(each, 0, share * each, 1, at, point.schemes) for point in points)


def _beyond(pace: Pace) -> float:
    """Tuning, its circuits and those of the compensation, and every further mitigation evaluated."""
    settings, beyond = pace.settings, pace.settings.beyond
    seeds, networks = settings.evaluation.variation_seeds, len(SCHEMES) * len(settings.mapping.crossbar_sizes)
    tunes = any("tuned" in one for one in beyond.mitigations)
    refreshed = beyond.tuning_epochs * pace.steps / beyond.tuning_refresh_steps
    compensated = beyond.compensation_rounds * (1 + seeds)  # for all chips once, and for each
    further = len(beyond.mitigations) * seeds
    solved = tunes * refreshed + compensated + further
    tuned = tunes * networks * pace.epochs("masked", beyond.tuning_epochs)
    return tuned + pace.crossbars(solved, 0, further, len(beyond.mitigations))


def _search(pace: Pace) -> float:
    """All orders solved, some evaluated, every limit trained under, the best tested."""
    settings, search = pace.settings, pace.settings.search
    at = (search.crossbar_size,)
    orders, limits = space.rearrangements(settings), space.trainings(settings)
    limits += space.refined(settings, settings.wct)
    # Trainings that differ in the range alone are the same.
    trained = {one.model_copy(update={"range": "old"}) for one in limits}
    epochs = sum(max(one.rounds, 1) * one.epochs for one in trained)
    training = pace.epochs("cf", epochs) + (len(PRUNED_SCHEMES) - 1) * pace.epochs("masked", epochs)
    rows = (search.finalists + 1 + len(limits)) * search.variation_seeds
    shown, mapped = search.validation_images / pace.tested * rows, len(orders) + len(limits)
    judged = pace.crossbars(len(orders) + rows, 0, shown, mapped, at, PRUNED_SCHEMES)
    draws = len(_TESTED) * settings.evaluation.variation_seeds
    return len(search.prunings) * (training + judged + pace.crossbars(draws, 0, draws, len(_TESTED), at))


def _published(pace: Pace) -> float:
    """The conventions tried on each published number, and C2 to C4 under the nearest."""
    asked, sizes = pace.settings.published, pace.settings.mapping.crossbar_sizes
    total = 0.0
    for one in PUBLISHED:
        if one.crossbar_size in asked.crossbar_sizes:
            solved = len(asked.r_min_ohms) * (1 if one.effects == "wires" else asked.variation_seeds)
            at = min(sizes, key=lambda size: abs(size - one.crossbar_size))
            total += pace.crossbars(solved, 0, solved * len(asked.gains), 1, (at,), (one.scheme,))
    draws = 3 * asked.variation_seeds
    return total + pace.crossbars(draws, 0, draws, 3, (max(sizes),))


def left_out(table: pd.DataFrame) -> list[str]:
    """Groups of stages of dvc.yaml that the table does not have."""
    groups = read_yaml(ROOT / "dvc.yaml", "dvc.yaml")["stages"]
    known = set(table["stage"])
    return [group + " (tables only)" * (group in _TABLES_ONLY) for group in groups if group not in known]


if __name__ == "__main__":
    sys.exit(main())
