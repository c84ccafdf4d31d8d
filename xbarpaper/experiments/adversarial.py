"""Adversarial images: what attacks leave of the accuracy in software and on crossbars, by what the attacker knows.

``SS``: software is attacked by its own gradients. ``SH``: the same images are shown to crossbars; the attacker does not
know them. ``HH``: the attacker knows the hardware but not the chip, and follows the mean gradient over chips of his own.
``chip``: he knows the very chip, one of the first few. Square asks for answers alone: of the software (``SS``), and of
the first chip.

Everything is computed in float32: bfloat16 would round away changes of a pixel as small as these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import pandas as pd
import torch
from torch import Tensor, nn

from xbarpaper.data import ImageSet
from xbarpaper.experiments import crossbars
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.evaluation import Case, disturbed, subject_digest
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.experiments.journal import Journal
from xbarpaper.experiments.subject import Bench, Subject
from xbarpaper.networks import inference
from xbarpaper.networks.attacks import OfPixels, fgsm, pgd, square
from xbarpaper.params import Adversarial, Gain
from xbarpaper.support import code, progress, spreading

STAGE: Final = "18_adversarial"
_FIRST_DRAW: Final = 700_000  # of the attacker's devices: far from all others
_BATCH: Final = 100  # images at a time

Crafted = Callable[[Sequence[nn.Module], Tensor, Tensor], Tensor]
"""An attack with its settings: adversarial pixels for networks, pixels and labels."""


@dataclass(frozen=True)
class Victims:
    """The images that are attacked."""

    pixels: Tensor  # between 0 and 1, shape (n, 3, 32, 32)
    labels: Tensor  # their classes, shape (n,)
    images: ImageSet  # the data that they are from, without images: statistics and identity

    @classmethod
    def of(cls, images: ImageSet, number: int, device: torch.device) -> Victims:
        """Random test images, the same for every network."""
        chosen = torch.randperm(len(images.test), generator=torch.Generator().manual_seed(0))[:number]
        pixels = (images.test.pixels[chosen].float() / 255).contiguous(memory_format=torch.channels_last)
        few = replace(images, train=images.train[:0], test=images.test[:0])
        return cls(pixels.to(device), images.test.labels[chosen].to(device), few)

    def attacked(self, craft: Crafted, networks: Sequence[nn.Module]) -> Tensor:
        """Adversarial pixels for networks."""
        batches = zip(self.pixels.split(_BATCH), self.labels.split(_BATCH), strict=True)
        return torch.cat([craft(networks, pixels, labels) for pixels, labels in batches])

    def accuracy(self, network: nn.Module, pixels: Tensor) -> float:
        """Accuracy of a network on these pixels, percent."""
        return inference.accuracy(network, pixels, self.labels, _BATCH)


def attack(experiment: Experiment) -> pd.DataFrame:
    """Attack every scheme on crossbars of every size, without mitigation; a killed run goes on, network by network.

    Returns:
        One row per network, attack, epsilon, attacker and attacked chip: experiment, dataset, network, scheme, sparsity,
        crossbar_size, attack, epsilon, attacker (see above), seed (of the chip, missing in software), accuracy (on
        adversarial images) and clean_accuracy (on the same images as they are), percent, images.
    """
    params = experiment.params
    settings, sizes, gain = params.adversarial, params.mapping.crossbar_sizes, params.readout.gain
    shared = bench(experiment)
    victims = Victims.of(experiment.images, settings.test_images, shared.images.device)
    shared = replace(shared, images=shared.images[:0], labels=shared.labels[:0])
    journal = Journal(experiment.resume(f"{STAGE}.csv"))
    subjects = [crossbars.mapped(experiment, scheme, size) for scheme in settings.schemes for size in sizes]
    identities = [
        f"{subject_digest(one, shared)} {gain} {settings.model_dump_json()} {code.digest(__name__)}"
        for one in subjects
    ]
    found = dict[int, pd.DataFrame]()

    def missing() -> Iterator[spreading.Task[int, pd.DataFrame]]:
        for number, (one, identity) in enumerate(zip(subjects, identities, strict=True)):
            kept = [
                journal.rows(f"{identity} {name} {epsilon} {attacker}", "both", seed, (gain,))
                for name, epsilon, attacker, seeds in _parts(settings)
                for seed in seeds
            ]
            if all(rows is not None for rows in kept):
                found[number] = pd.concat([rows for rows in kept if rows is not None], ignore_index=True)
                bar.update()
                continue
            inputs = (one, victims, shared, settings, gain)
            yield spreading.Task(number, f"{one.label}, attacks", attacked, inputs)

    with (
        spreading.workers(params.execution) as workers,
        progress.bar("attacking", len(subjects), "network") as bar,
    ):
        for number, rows in spreading.results(workers, missing()):
            found[number] = rows
            for (name, epsilon, attacker), own in rows.groupby(["attack", "epsilon", "attacker"], sort=False):
                journal.add(f"{identities[number]} {name} {epsilon} {attacker}", own)
            bar.update()
    table = pd.concat([found[number] for number in sorted(found)], ignore_index=True)
    table = table.drop(columns=["effects", "gain"]).astype({"seed": "Int64"})
    return with_leading(table, experiment.leading)


def _parts(settings: Adversarial) -> Iterator[tuple[str, float, str, Sequence[int | None]]]:
    """Attack, epsilon and attacker of the rows of a network, and the chips that are attacked; None is the software."""
    chips = range(settings.variation_seeds)
    for name in ("fgsm", "pgd"):
        for epsilon in settings.epsilons:
            yield name, epsilon, "SS", (None,)
            yield name, epsilon, "SH", chips
            yield name, epsilon, "HH", chips
            yield name, epsilon, "chip", chips[: settings.known_chips]
    yield "square", settings.square_epsilon, "SS", (None,)
    yield "square", settings.square_epsilon, "chip", chips[:1]


def _crafted(name: str, epsilon: float, settings: Adversarial) -> Crafted:
    """An attack with the settings of the parameters; all starts and squares come from one seed."""
    drawn: dict[str, Any] = {"epsilon": epsilon, "generator": torch.Generator().manual_seed(0)}
    if name == "fgsm":
        return partial(fgsm, epsilon=epsilon)
    if name == "pgd":
        return partial(pgd, **drawn, step=settings.pgd_step_share * epsilon, steps=settings.pgd_steps)
    return lambda networks, *shown: square(networks[0], *shown, **drawn, queries=settings.square_queries)


def attacked(
    subject: Subject, victims: Victims, shared: Bench, settings: Adversarial, gain: Gain
) -> pd.DataFrame:
    """Every attack on one network in software and on its chips; rows as in ``attack``, with effects and gain."""

    def chip(seed: int) -> nn.Module:
        read = disturbed(subject.mapped, Case("both", seed, (gain,)), shared.devices, shared.parasitics)
        return OfPixels(read.twin(gain).to(victims.pixels.device), victims.images)

    software = OfPixels(subject.mapped.network.to(victims.pixels.device), victims.images)
    targets: dict[int | None, nn.Module] = {None: software}
    targets |= {seed: chip(seed) for seed in range(settings.variation_seeds)}
    known = [chip(_FIRST_DRAW + number) for number in range(settings.attacker_draws)]
    clean = {seed: victims.accuracy(one, victims.pixels) for seed, one in targets.items()}
    rows: list[dict[str, Any]] = []
    for name, epsilon, attacker, seeds in _parts(settings):
        if attacker in ("SS", "HH"):  # SH is shown what SS was
            aimed = [software] if attacker == "SS" else known
            pixels = victims.attacked(_crafted(name, epsilon, settings), aimed)
        for seed in seeds:
            if attacker == "chip":
                pixels = victims.attacked(_crafted(name, epsilon, settings), [targets[seed]])
            rows.append(
                {
                    "scheme": subject.scheme, "sparsity": subject.sparsity,
                    "crossbar_size": subject.mapped.crossbar_size, "attack": name, "epsilon": epsilon,
                    "attacker": attacker, "effects": "both", "gain": gain, "seed": seed,
                    "accuracy": victims.accuracy(targets[seed], pixels), "clean_accuracy": clean[seed],
                    "images": len(victims.labels),
                }
            )  # fmt: skip
    return pd.DataFrame(rows).astype({"seed": "Int64"})
