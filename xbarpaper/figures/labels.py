"""Words for figures and captions: what the networks and the data are called, and what the intervals mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from xbarpaper.figures.style import DATA_NAMES, SCHEME_NAMES
from xbarpaper.params import ImageFolder, Params


@dataclass(frozen=True)
class Replicate:
    """One of several experiments that differ by their training seed alone: the first of them, and its own seed."""

    first: str
    seed: int


@dataclass(frozen=True)
class Labels:
    """What a profile's experiments are called, and how its numbers are summarised.

    Attributes:
        networks: experiment -> network with its width.
        datasets: name in the parameters -> what figures call it.
        gain: gain mode of the readout at which schemes and mitigations are compared.
        confidence: level of the intervals, between 0 and 1.
        tolerance_points: software accuracy a pruned network may lose and still count as kept.
        replicates: experiment -> which of the trainings of one network it is, where there are several.
    """

    networks: dict[str, str]
    datasets: dict[str, str]
    gain: str
    confidence: float
    tolerance_points: float
    replicates: dict[str, Replicate] = field(default_factory=dict)

    @classmethod
    def of(cls, params: Params) -> Labels:
        """The labels of a profile."""
        return cls(
            networks={
                name: f"{experiment.network.upper()} (width {experiment.width:g})"
                for name, experiment in params.experiments.items()
            },
            datasets={
                name: dataset.description if isinstance(dataset, ImageFolder) else DATA_NAMES[dataset.kind]
                for name, dataset in params.datasets.items()
            },
            gain=params.readout.gain,
            confidence=params.claims.confidence,
            tolerance_points=params.claims.software_tolerance_points,
            replicates=_replicates(params),
        )

    def network(self, experiment: str) -> str:
        """The network of an experiment, such as ``VGG11 (width 0.25)``, and of a replicate its training seed."""
        name = self.networks.get(experiment, experiment)
        return f"{name}, seed {self.replicates[experiment].seed}" if experiment in self.replicates else name

    def dataset(self, name: str) -> str:
        """What figures call a dataset of the parameters."""
        return self.datasets.get(name, name)

    def panel(self, experiment: str, table: pd.DataFrame) -> str:
        """Two-line title of an experiment's panel: the network, and the data."""
        return f"{self.trained(experiment, table)}\n{self.dataset(_dataset_of(experiment, table))}"

    def trained(self, experiment: str, table: pd.DataFrame) -> str:
        """The network of an experiment; in a pooled table with the number of its trainings."""
        if "training_seed" in table:
            trainings = table.loc[table["experiment"] == experiment, "training_seed"].nunique()
            if trainings > 1:
                return f"{self.networks[experiment]}, {trainings} trainings"
        return self.network(experiment)

    def subject(self, table: pd.DataFrame) -> str:
        """The networks and data of a table, such as ``VGG11 (width 0.25) on CIFAR-10``.

        Replicates are one network with their training seeds: ``VGG11 (width 0.25, training seeds 0 and 1)``.
        """
        by_data: dict[str, dict[str, list[int]]] = {}
        for experiment in table["experiment"].unique():
            name = self.dataset(_dataset_of(experiment, table)) if "dataset" in table else ""
            seeds = by_data.setdefault(name, {}).setdefault(self.networks.get(experiment, experiment), [])
            if experiment in self.replicates:
                seeds.append(self.replicates[experiment].seed)
        return "; ".join(
            join([_with_seeds(network, seeds) for network, seeds in networks.items()])
            + (f" on {name}" if name else "")
            for name, networks in by_data.items()
        )

    def pooled(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with replicates as one experiment, the first of them, and its ``training_seed`` beside it."""
        first = {name: one.first for name, one in self.replicates.items()}
        seeds = {name: one.seed for name, one in self.replicates.items()}
        return table.assign(
            experiment=table["experiment"].replace(first), training_seed=table["experiment"].map(seeds)
        )

    def by_network(self, table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
        """The rows of each network, all its trainings together, under the name of its first experiment."""
        first = self.pooled(table)["experiment"]
        return [(str(name), table[first == name]) for name in first.unique()]

    @property
    def percent(self) -> str:
        """The level of the intervals, such as ``95 %``."""
        return f"{100 * self.confidence:g} %"


def _replicates(params: Params) -> dict[str, Replicate]:
    kinds: dict[tuple[object, ...], list[tuple[str, int]]] = {}
    for name, one in params.experiments.items():
        kind = (one.dataset, one.network, one.width, one.sparsity)
        kinds.setdefault(kind, []).append((name, one.training_seed))
    return {
        name: Replicate(members[0][0], seed)
        for members in kinds.values()
        if len({seed for _, seed in members}) > 1
        for name, seed in members
    }


def _with_seeds(network: str, seeds: Sequence[int]) -> str:
    if not seeds:
        return network
    told = f"training seed{'s' if len(seeds) > 1 else ''} {join([str(seed) for seed in seeds])}"
    return f"{network[:-1]}, {told})" if network.endswith(")") else f"{network}, {told}"


def _dataset_of(experiment: str, table: pd.DataFrame) -> str:
    return str(table.loc[table["experiment"] == experiment, "dataset"].iloc[0])


def join(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))


def count(number: int, noun: str) -> str:
    """``1 seed``, ``5 seeds``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def sizes(table: pd.DataFrame) -> list[int]:
    """The crossbar sizes of a table, ascending."""
    return sorted(int(size) for size in table["crossbar_size"].dropna().unique())


def square(size: int) -> str:
    """``16 × 16``."""
    return f"{size} × {size}"


def schemes_of(names: Sequence[str]) -> str:
    """Schemes as a caption names them, such as ``unpruned, C/F and XCS``."""
    return join([SCHEME_NAMES.get(name, name) for name in names])


def seed_words(table: pd.DataFrame, labels: Labels) -> str:
    """How many variation seeds stand behind the means of a table, and what its bars are."""
    numbers = table.dropna(subset=["seed"]).groupby("experiment")["seed"].nunique()
    if numbers.empty:
        return "no random variation"
    seeds = sorted({int(number) for number in numbers})
    shown = (
        count(seeds[0], "variation seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} variation seeds"
    )
    bars = f"bars: {labels.percent} intervals of the mean (Student's t)"
    trainings = table["training_seed"] if "training_seed" in table else pd.Series(dtype=float)
    if trainings.notna().sum() == 0:
        return f"mean over {shown}, {bars}"
    if trainings.notna().all():
        return f"mean over {count(trainings.nunique(), 'training')} of {shown} each, dots: each training"
    return f"mean over {shown}, {bars}; of several trainings of a network the mean, dots: each training"
