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
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
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
from xbarpaper.support.errors import ArtifactError
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


def main() -> int:
    """Returns the exit code: 0, or 1 after an error."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("profiles", nargs="+", metavar="PROFILE", help="of profiles/, or a file")
    parser.add_argument("--seconds", type=float, default=3.0, help="of training steps, for each measurement")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the tables go")
    arguments = parser.parse_args()
    try:
        for name in arguments.profiles:
            path = Path(name) if name.endswith(".yaml") else ROOT / "profiles" / f"{name}.yaml"
            settings = params.load_profile(path)
            table = costs(path.resolve(), settings, arguments.seconds)
            print(f"\n{settings.profile}")
            print(table.drop(columns="hardware").to_string(index=False))
            print(f"{table['minutes'].sum() / 60:.1f} hours in all; {table['hardware'].iloc[0]}")
            print(f"not estimated: {', '.join(left_out(table))}")
            print(files.write_table(arguments.output / f"costs-{settings.profile}.csv", table))
    except ArtifactError as error:
        print(f"costs: {error}", file=sys.stderr)
        return 1
    return 0


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


def estimate(settings: Params, name: str, measured: dict[str, Measured], left: float = 1.0) -> Costs:
    """Seconds, without the notebook's own, and GiB of every stage of an experiment.

    Args:
        settings: the profile.
        name: one of its experiments.
        measured: what each part took.
        left: weights that C/F leaves here, over those of the experiment that was measured.
    """
    experiment = settings.experiment(name)
    images, tested = image_counts(settings.dataset(experiment.dataset))
    sizes, seeds = settings.mapping.crossbar_sizes, settings.evaluation.variation_seeds
    circuit = measured["circuit"]

    def epochs(part: str, count: int) -> float:
        """Passes over the training images, the test images after each."""
        one = measured[part]
        batch, share = min(settings.train.batch_size, images), left if part == "cf" else 1.0
        return float(share * count * (images // batch * one["step_s"] + tested * one["test_image_s"]))

    def crossbars(
        solved: float,
        varied: int,
        rows: float,
        mapped: int,
        at: tuple[int, ...] = sizes,
        schemes: tuple[SchemeName, ...] = SCHEMES,
    ) -> float:
        """Solutions, solutions without wires, evaluations and mappings of every scheme at every size."""
        total = 0.0
        for size in at:
            for scheme in schemes:
                pruned, share = scheme != "unpruned", 1.0 if scheme == "unpruned" else left
                one = circuit["sizes"][str(size)]["cf" if pruned else "unpruned"]
                image_s = (
                    left * circuit["image_s"]["cf"] if scheme == "cf" else circuit["image_s"]["unpruned"]
                )
                solutions = solved * one["read_s"] + varied * one["variation_s"]
                total += share * solutions + mapped * one["map_s"]
                total += rows * (one["twin_s"] + tested * image_s)
        return total

    trained = settings.prune.when == "trained"
    fine_tuning = settings.prune.epochs if trained else settings.train.epochs
    gradual = epochs("masked", settings.prune.steps - 1 if trained else 0)  # nothing is removed yet
    segments = (gradual + epochs("masked", fine_tuning)) * len(sizes)
    wct = settings.wct.epochs
    constrained = epochs("masked", wct) * (1 + 2 * len(sizes)) + epochs("cf", wct)
    gains = len(settings.evaluation.gains)
    draws = settings.mechanism.variation_seeds
    exchanged = draws * (2 + 2 * circuit["layers"])
    mapped_out = settings.sensitivity
    points = plan(conventions(settings), settings, name)
    others = {point.at.sparsity for point in points} - {0.0, experiment.sparsity}
    retrained = mapped_out.fine_tuning_epochs + settings.wct.epochs
    per_network = mapped_out.variation_seeds * len(MITIGATIONS)
    share = min(1.0, mapped_out.test_images / tested)  # of the test images
    beyond, steps = settings.beyond, images // min(settings.train.batch_size, images)
    refreshed = beyond.tuning_epochs * steps / beyond.tuning_refresh_steps
    further = len(beyond.mitigations) * seeds
    compensated = beyond.compensation_rounds * (1 + seeds)  # for all chips once, and for each
    gib = {name: one["gib"] for name, one in measured.items()}
    found: Costs = {
        "train": (epochs("trained", settings.train.epochs), gib["trained"]),
        "prune_cf": (
            gradual + epochs("cf", fine_tuning),
            max(gib["cf"], gib["masked"]) if gradual else gib["cf"],
        ),
        "prune_xcs": (segments, gib["masked"]),
        "prune_xrs": (segments, gib["masked"]),
        "map": (crossbars(1, 0, 0, 1), gib["circuit"]),
        "evaluate": (crossbars(1 + seeds, seeds, 1 + seeds + seeds * gains, 1), gib["circuit"]),
        "rearrange": (crossbars(1 + seeds, 0, seeds, 2), gib["circuit"]),
        "wct": (
            constrained + crossbars(2 * (1 + seeds), 0, 2 * seeds, 4),
            max(gib["masked"], gib["circuit"]),
        ),
        "mechanism": (
            crossbars(2 + draws, 1, exchanged, 1, sizes[-1:]) + 3 * len(SCHEMES) * circuit["error_s"],
            circuit["mechanism_gib"],
        ),
    }
    most = max(gib["masked"], gib["circuit"])
    if name in mapped_out.experiments:
        training = len(others) * (epochs("cf", retrained) + 2 * epochs("masked", retrained))
        rows = sum(
            crossbars(per_network, 0, share * per_network, 1, (mapped_out.crossbar_size,), point.schemes)
            for point in points
        )
        found["sensitivity"] = (training + rows, most)
    if name in beyond.experiments:
        tunes = any("tuned" in one for one in beyond.mitigations)
        tuned = tunes * len(SCHEMES) * len(sizes) * epochs("masked", beyond.tuning_epochs)
        solved = tunes * refreshed + compensated + further
        found["beyond"] = (tuned + crossbars(solved, 0, further, len(beyond.mitigations)), most)
    if name in settings.search.experiments:
        found["search"] = (_search(settings, crossbars, epochs, tested), most)
    if name in settings.published.experiments:
        found["published"] = (_published(settings, crossbars), circuit["mechanism_gib"])
    return found


def _search(
    settings: Params, crossbars: Callable[..., float], epochs: Callable[[str, int], float], tested: int
) -> float:
    """Seconds of the search: all orders solved, some evaluated, every limit trained under, the best tested."""
    search = settings.search
    here = {"at": (search.crossbar_size,), "schemes": PRUNED_SCHEMES}
    orders, limits = space.rearrangements(settings), space.trainings(settings)
    limits += space.refined(settings, settings.wct)
    # Trainings that differ in the range alone are the same.
    trained = {one.model_copy(update={"range": "old"}) for one in limits}
    shown = sum(max(one.rounds, 1) * one.epochs for one in trained)
    training = epochs("cf", shown) + (len(PRUNED_SCHEMES) - 1) * epochs("masked", shown)
    rows = (search.finalists + 1 + len(limits)) * search.variation_seeds
    judged = crossbars(
        len(orders) + rows, 0, search.validation_images / tested * rows, len(orders) + len(limits), **here
    )
    draws = len(_TESTED) * settings.evaluation.variation_seeds
    best = crossbars(draws, 0, draws, len(_TESTED), (search.crossbar_size,))
    return len(search.prunings) * (training + judged + best)


def _published(settings: Params, crossbars: Callable[..., float]) -> float:
    """Seconds of the conventions tried on each published number, and of C2 to C4 under the nearest."""
    asked = settings.published
    total = 0.0
    for one in PUBLISHED:
        if one.crossbar_size in asked.crossbar_sizes:
            solved = len(asked.r_min_ohms) * (1 if one.effects == "wires" else asked.variation_seeds)
            at = min(settings.mapping.crossbar_sizes, key=lambda size: abs(size - one.crossbar_size))
            total += crossbars(solved, 0, solved * len(asked.gains), 1, (at,), (one.scheme,))
    draws = 3 * asked.variation_seeds
    return total + crossbars(draws, 0, draws, 3, (max(settings.mapping.crossbar_sizes),))


def left_out(table: pd.DataFrame) -> list[str]:
    """Groups of stages of dvc.yaml that the table does not have."""
    groups = read_yaml(ROOT / "dvc.yaml", "dvc.yaml")["stages"]
    known = set(table["stage"])
    return [group + " (tables only)" * (group in _TABLES_ONLY) for group in groups if group not in known]


if __name__ == "__main__":
    sys.exit(main())
