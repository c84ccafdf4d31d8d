"""The points evaluated: each network on crossbars in all the circumstances that points ask for, once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd
import torch
from torch import Tensor

from xbarpaper.experiments import crossbars, pruned
from xbarpaper.experiments.bench import bench as bench_of
from xbarpaper.experiments.evaluation import Case, Job, evaluated
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.experiments.journal import Journal
from xbarpaper.experiments.sensitivity.axes import Axes, Conditions
from xbarpaper.experiments.sensitivity.points import plan
from xbarpaper.experiments.subject import Bench, Subject
from xbarpaper.mitigation.paper import PAPER
from xbarpaper.mitigation.parts import Mitigation
from xbarpaper.networks import inference
from xbarpaper.params import GAINS, Devices, Gain, Parasitics, SchemeName
from xbarpaper.support import progress, spreading

At = Callable[[Experiment, float], Experiment]
"""Gives an experiment at another sparsity than its own."""

_SUBSET_SEED: Final = 0


@dataclass(frozen=True)
class _Network:
    """A network on crossbars, as a point asks for it."""

    scheme: SchemeName
    sparsity: float
    mitigation: Mitigation
    crossbar_size: int
    w_max_quantile: float


_Wanted = dict[_Network, dict[tuple[Devices, Parasitics], set[Gain]]]
_CaseKey = tuple[_Network, Devices, Parasitics, int]
_Key = tuple[_Network, Devices, Parasitics, Gain, int]


def _network_at(at: Conditions, scheme: SchemeName, mitigation: Mitigation, own: float) -> _Network:
    """Nothing removed is the unpruned network, whatever the scheme; it has no sparsity of its own."""
    whole = scheme == "unpruned" or at.sparsity == 0
    found: SchemeName = "unpruned" if whole else scheme
    return _Network(found, own if whole else at.sparsity, mitigation, at.crossbar_size, at.w_max_quantile)


def evaluate(experiment: Experiment, axes: Axes, at_sparsity: At | None = None) -> pd.DataFrame:
    """Evaluate every point: all schemes there, all mitigations, all seeds, wires and devices acting.

    Finished evaluations wait in a journal, each with a digest of all that it depends on, so an interrupted run goes on.

    Args:
        at_sparsity: gives the experiment at another sparsity, where an axis moves it.

    Returns:
        One row per axis, point, scheme, mitigation and seed: experiment, dataset, network, axis, value (text), second
        (missing but on maps), scheme, sparsity, crossbar_size, mitigation, seed, accuracy and software_accuracy in
        percent on the same random test images.
    """
    points = plan(axes, experiment.params, experiment.name)
    mitigations = [one for one in PAPER if one.name in axes.mitigations]
    cells = [
        (point, scheme, mitigation)
        for point in points
        for scheme in point.schemes
        for mitigation in mitigations
    ]
    seeds = range(axes.settings.variation_seeds)
    own = experiment.section.sparsity
    wanted: _Wanted = {}
    for point, scheme, mitigation in cells:
        network = _network_at(point.at, scheme, mitigation, own)
        circuits = wanted.setdefault(network, {})
        circuits.setdefault((point.at.devices, point.at.parasitics), set()).add(point.at.gain)
    found = _evaluated(_Networks(experiment, axes, at_sparsity), wanted, seeds)
    rows = []
    for point, scheme, mitigation in cells:
        network = _network_at(point.at, scheme, mitigation, own)
        named = {
            "axis": point.axis, "value": point.label, "second": math.nan if point.second is None else point.second,
            "scheme": scheme, "sparsity": 0.0 if scheme == "unpruned" else point.at.sparsity,
            "crossbar_size": point.at.crossbar_size, "mitigation": mitigation.name,
        }  # fmt: skip
        for seed in seeds:
            reached, software = found[network, point.at.devices, point.at.parasitics, point.at.gain, seed]
            rows.append({**named, "seed": seed, "accuracy": reached, "software_accuracy": software})
    return with_leading(pd.DataFrame(rows), experiment.leading)


def _evaluated(networks: _Networks, wanted: _Wanted, seeds: Sequence[int]) -> dict[_Key, tuple[float, float]]:
    """Accuracy on crossbars and in software of everything wanted, a network at a time."""
    journal = Journal(networks.experiment.resume(f"{networks.axes.stage}.csv"))
    # Neighbours in this order share a checkpoint.
    order = sorted(wanted, key=lambda one: (one.sparsity, one.scheme, one.mitigation.trains is not None))
    found: dict[_Key, tuple[float, float]] = {}

    def jobs() -> Iterator[Job[_CaseKey]]:
        for network in order:
            subject = networks.subject(network)
            for (devices, parasitics), modes in wanted[network].items():
                gains = tuple(gain for gain in GAINS if gain in modes)
                cases = [((network, devices, parasitics, seed), Case("both", seed, gains)) for seed in seeds]
                yield Job(subject, replace(networks.bench, devices=devices, parasitics=parasitics), cases)

    total = len(seeds) * sum(len(gains) for circuits in wanted.values() for gains in circuits.values())
    with progress.bar("evaluating", total, "row", smoothing=0.02) as bar:

        def arrived(key: _CaseKey, rows: pd.DataFrame) -> None:
            network, devices, parasitics, seed = key
            for gain, reached in zip(rows["gain"], rows["accuracy"], strict=True):
                found[network, devices, parasitics, gain, seed] = (float(reached), networks.reached[network])
            names = f"{network.scheme} {network.sparsity:g} {network.mitigation.name} {network.crossbar_size}"
            bar.set_postfix_str(names, refresh=False)
            bar.update(len(rows))

        with spreading.workers(networks.experiment.params.execution) as workers:
            evaluated(jobs(), journal, workers, arrived)
    return found


class _Networks:
    """Networks on crossbars, with their accuracy in software on the test images of the survey."""

    def __init__(self, experiment: Experiment, axes: Axes, at_sparsity: At | None) -> None:
        self.experiment, self.axes = experiment, axes
        self.bench = subset(bench_of(experiment), axes.settings.test_images)
        self.at_sparsity, self.at = at_sparsity, {experiment.section.sparsity: experiment}
        self.software: dict[Any, float] = {}
        self.reached: dict[_Network, float] = {}

    def subject(self, network: _Network) -> Subject:
        """The network, mapped."""
        if network.sparsity not in self.at and self.at_sparsity is not None:
            self.at[network.sparsity] = self.at_sparsity(self.experiment, network.sparsity)
        at = self.at[network.sparsity]
        subject = crossbars.mapped(
            at, network.scheme, network.crossbar_size, network.mitigation, network.w_max_quantile
        )
        variant = pruned.variant(network.scheme, network.crossbar_size)
        key = (variant, network.sparsity, network.mitigation.trains)
        if key not in self.software:
            images, labels = self.bench.images, self.bench.labels
            self.software[key] = inference.accuracy(subject.mapped.network.to(images.device), images, labels)
        self.reached[network] = self.software[key]
        return replace(subject, software_accuracy=self.software[key])


def subset(bench: Bench, images: int) -> Bench:
    """The bench with a random subset of its test images, the same for every network; all where there are no more."""
    count = len(bench.labels)
    if images >= count:
        return bench
    chosen = subset_indices(count, images)
    digest = hashlib.sha256(f"{bench.images_digest} {chosen.tolist()}".encode()).hexdigest()
    at = chosen.to(bench.images.device)
    return replace(bench, images=bench.images[at], labels=bench.labels[at], images_digest=digest)


def subset_indices(count: int, images: int) -> Tensor:
    """Numbers of ``images`` of ``count`` test images, drawn at random, in ascending order."""
    generator = torch.Generator().manual_seed(_SUBSET_SEED)
    return torch.randperm(count, generator=generator)[:images].sort().values
