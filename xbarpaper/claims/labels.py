"""What a profile's experiments are called, and which of them are trainings of one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from xbarpaper.params import Params
from xbarpaper.params.names import NETWORK_TITLES
from xbarpaper.support.words import join


@dataclass(frozen=True)
class Group:
    """Experiments that differ in their training seed only: one network, trained several times."""

    name: str  # the first experiment, which stands for all in tables and figures
    dataset: str  # what all of them train on
    experiments: dict[int, str]  # training seed -> experiment


def groups_of(params: Params) -> list[Group]:
    """The networks of a profile with their trainings, in the order of its experiments.

    An experiment that repeats the seed of another is no second training: it starts a group of its own.
    """
    groups: dict[tuple[object, ...], Group] = {}
    for name, one in params.experiments.items():
        same = (one.dataset, one.network, one.width, one.sparsity)
        rank = 0
        while (found := groups.get((*same, rank))) and one.training_seed in found.experiments:
            rank += 1
        if found:
            found.experiments[one.training_seed] = name
        else:
            groups[(*same, rank)] = Group(name, one.dataset, {one.training_seed: name})
    return list(groups.values())


@dataclass(frozen=True)
class Replicate:
    """One of several trainings of a network: the first experiment of its group, and its own seed."""

    first: str
    seed: int


@dataclass(frozen=True)
class Labels:
    """What a profile's experiments are called, and how its numbers are summarised."""

    networks: dict[str, str]  # experiment -> network with its width
    datasets: dict[str, str]  # name in the parameters -> what figures call it
    gain: str  # gain mode of the readout at which schemes and mitigations are compared
    confidence: float  # level of the intervals, between 0 and 1
    # Experiment -> which of the trainings of one network it is, where there are several
    replicates: dict[str, Replicate] = field(default_factory=dict)

    @classmethod
    def of(cls, params: Params) -> Labels:
        """The labels of a profile."""
        return cls(
            networks={
                name: f"{NETWORK_TITLES[experiment.network]} (width {experiment.width:g})"
                for name, experiment in params.experiments.items()
            },
            datasets={name: dataset.title for name, dataset in params.datasets.items()},
            gain=params.readout.gain,
            confidence=params.claims.confidence,
            replicates={
                name: Replicate(group.name, seed)
                for group in groups_of(params)
                if len(group.experiments) > 1
                for seed, name in group.experiments.items()
            },
        )

    def network(self, experiment: str) -> str:
        """The network of an experiment, such as ``VGG11 (width 0.25)``, and of a replicate its training seed."""
        name = self.networks.get(experiment, experiment)
        return (
            f"{name}, training seed {self.replicates[experiment].seed}"
            if experiment in self.replicates
            else name
        )

    def trainings(self, experiment: str) -> str:
        """The network of an experiment with the number of its trainings, where there are several."""
        one = self.replicates.get(experiment)
        if one is None:
            return self.network(experiment)
        number = sum(other.first == one.first for other in self.replicates.values())
        return f"{self.networks[experiment]}, {number} trainings"

    def dataset(self, name: str) -> str:
        """What figures call a dataset of the parameters."""
        return self.datasets.get(name, name)

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


def _with_seeds(network: str, seeds: Sequence[int]) -> str:
    if not seeds:
        return network
    told = f"training seed{'s' if len(seeds) > 1 else ''} {join([str(seed) for seed in seeds])}"
    return f"{network[:-1]}, {told})" if network.endswith(")") else f"{network}, {told}"


def _dataset_of(experiment: str, table: pd.DataFrame) -> str:
    return str(table.loc[table["experiment"] == experiment, "dataset"].iloc[0])
