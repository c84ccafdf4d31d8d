"""What batch norms win back from read noise and from drift, and which part of the error they cannot (arXiv 2305.18416).

The unpruned network sits on crossbars with its classifier digital. Resistances act on devices without variation, and read
noise or drift besides. Batch norms are measured anew or tuned at one reading of a chip and tested at the next, so
that they cannot learn the noise of the reading that tests them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd
import torch
from torch import Tensor, nn

from xbarpaper.experiments import crossbars
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.evaluation import subject_digest
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.experiments.journal import Journal
from xbarpaper.experiments.published.comparing import STAGE, Convention, DigitalClassifier, devices_at
from xbarpaper.experiments.published.numbers import lost_under_devices
from xbarpaper.experiments.subject import Bench, Subject
from xbarpaper.hardware import read_out
from xbarpaper.hardware.effects import chip
from xbarpaper.mitigation import MITIGATIONS
from xbarpaper.mitigation.parts import Finish
from xbarpaper.params import Gain, Published
from xbarpaper.support import code, progress, spreading

_PROBE: Final = 64  # test images that the error of the outputs is measured on
_COLUMNS: Final = [
    "crossbar_size", "r_min_ohm", "gain", "axis", "value", "mitigation", "seed", "published", "accuracy",
    "software_accuracy", "lost", "error", "rest",
]  # fmt: skip


def evaluate(experiment: Experiment, convention: Convention) -> pd.DataFrame:
    """Adapt batch norms under read noise and under drift, on crossbars of every size; a killed run goes on.

    Returns:
        One row per crossbar size, disturbance, chip and mitigation (none, BN, norms): experiment, dataset, network,
        crossbar_size, r_min_ohm, gain, axis and value (see ``disturbances``), mitigation, seed (of the chip; missing
        where nothing is random), published (points lost; NaN where nothing is reported), accuracy and software_accuracy,
        percent, lost, points, error and rest (see ``output_error``).
    """
    params, (r_min_ohm, gain) = experiment.params, convention
    settings, common = params.published, bench(experiment)
    nominal = devices_at(params.devices.nominal, r_min_ohm)
    finishes = {
        name: part.finish(params, experiment.images)
        for name in ("BN", "norms")
        if (part := MITIGATIONS[name].finishes) is not None
    }
    behind = " ".join([*(one.digest() for one in finishes.values()), code.digest(__name__)])
    subjects = [crossbars.mapped(experiment, "unpruned", size) for size in settings.crossbar_sizes]
    cases = []
    for number, subject in enumerate(subjects):
        for axis, value, acting in disturbances(settings):
            there = replace(common, devices=nominal.model_copy(update=acting))
            digest = f"{subject_digest(subject, there)} {behind}"
            few = replace(there, images=there.images[:0], labels=there.labels[:0])
            size = subject.mapped.crossbar_size
            named: dict[str, Any] = {"crossbar_size": size, "axis": axis, "value": value}
            seeds = range(settings.variation_seeds) if acting else [None]
            cases += [(digest, named, number, few, seed) for seed in seeds]
    journal, found = Journal(experiment.resume(f"{STAGE}-batch-norms.csv")), dict[int, pd.DataFrame]()
    with (
        spreading.workers(params.execution) as workers,
        progress.bar("adapting batch norms", len(cases), "chip") as bar,
    ):
        mapped = [workers.share(subject) for subject in subjects]
        shared = [workers.share(one) for one in (finishes, common.images, common.labels)]

        def missing() -> Iterator[spreading.Task[int, pd.DataFrame]]:
            for at, (digest, named, number, few, seed) in enumerate(cases):
                kept = journal.rows(digest, "both", seed, (gain,))
                if kept is None:
                    label = f"batch norms {named['crossbar_size']}, {named['axis']} {named['value']:g}"
                    yield spreading.Task(at, label, adapted, (mapped[number], few, gain, seed, *shared))
                else:
                    found[at] = kept
                    bar.update()

        for at, row in spreading.results(workers, missing()):
            journal.add(cases[at][0], row)
            found[at] = row
            bar.update()
    rows = [found[at].assign(**named, r_min_ohm=r_min_ohm) for at, (_, named, *_) in enumerate(cases)]
    wide, names = pd.concat(rows, ignore_index=True), ["none", *finishes]
    table = wide.melt([name for name in wide if name not in names], names, "mitigation", "accuracy")
    table["lost"] = table["software_accuracy"] - table["accuracy"]
    places = table[["axis", "value", "crossbar_size", "mitigation"]].itertuples(index=False)
    table["published"] = [lost_under_devices(*place) for place in places]
    return with_leading(table[_COLUMNS], experiment.leading)


def disturbances(settings: Published) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """What acts besides the resistances, how strongly, and the parameters of the devices that switch it on.

    ``none`` 0; ``read noise`` at sigma/mu; ``drift`` at seconds since programming.
    """
    yield "none", 0.0, {}
    for sigma in settings.read_sigmas:
        yield "read noise", sigma, {"read_noise": "relative", "read_factor": sigma}
    for seconds in settings.drift_seconds:
        yield "drift", seconds, {"drift": settings.drift, "read_at_s": seconds}


def adapted(
    subject: Subject,
    shared: Bench,
    gain: Gain,
    seed: int | None,
    finishes: Mapping[str, Finish],
    images: Tensor,
    labels: Tensor,
) -> pd.DataFrame:
    """One chip: a row with the error of its outputs and a column of accuracies (percent) for none and each finish.

    Args:
        shared: devices and resistances, without images.
        seed: of the chip; None where nothing is random.
        images: normalised test images, shape (n, 3, 32, 32).
        labels: their classes, shape (n,).
    """
    there, software = replace(shared, images=images, labels=labels), subject.mapped.network
    *on_crossbars, last = (layer.module for layer in subject.mapped.layers)

    def read(number: int) -> nn.Module:
        effects = () if seed is None else chip(there.devices, seed, number)
        whole = read_out(subject.mapped, there.devices, effects, there.parasitics)
        return DigitalClassifier(last).apply(whole.twin(gain), software).to(images.device)

    tested = read(0)
    before = tested if there.devices.read_noise == "none" else read(1)
    found = output_error(software.to(images.device), tested, before, on_crossbars, images[:_PROBE])
    reached = {"none": there.accuracy(tested)}
    for name, finish in finishes.items():
        norms = finish.apply(copy.deepcopy(before), software)
        reached[name] = there.accuracy(_with_norms(copy.deepcopy(tested), norms))
    row = {"effects": "both", "gain": gain, "seed": seed, "software_accuracy": subject.software_accuracy}
    return pd.DataFrame([row | found | reached]).astype({"seed": "Int64"})


def _with_norms(network: nn.Module, other: nn.Module) -> nn.Module:
    """The network with the batch norms of another of its kind."""
    for name, module in other.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            network.get_submodule(name).load_state_dict(module.state_dict())
    return network


def output_error(
    software: nn.Module, tested: nn.Module, before: nn.Module, layers: Sequence[str], images: Tensor
) -> dict[str, float]:
    """``error`` and ``rest`` of the outputs of convolutions, each fed what it reads in software: means over layers."""
    parts: list[tuple[float, float]] = []

    def compare(name: str) -> torch.utils.hooks.RemovableHandle:
        now, then = (network.get_submodule(name) for network in (tested, before))
        return software.get_submodule(name).register_forward_hook(
            lambda _, read, outputs: parts.append(error_parts(outputs, now(*read), then(*read)))
        )

    handles = [compare(name) for name in layers]
    try:
        with torch.inference_mode():
            software.eval()(images)
    finally:
        for handle in handles:
            handle.remove()
    error, rest = (sum(values) / len(layers) for values in zip(*parts, strict=True))
    return {"error": error, "rest": rest}


def error_parts(outputs: Tensor, tested: Tensor, before: Tensor) -> tuple[float, float]:
    """The error of a layer's outputs, and what the norm behind it cannot undo.

    A norm can undo a scale and a shift of each channel, those that it met when it was adapted, and nothing else. Where
    nothing changes from then to the test, the rest of a channel is 1 - rho^2 of its variance, rho the correlation of y
    and y'.

    Args:
        outputs: y, of the layer in software, shape (images, channels, height, width).
        tested: y', on the crossbars as they are tested, same shape.
        before: y', on the crossbars as they were when the norm was adapted, same shape.

    Returns:
        Sum of (y' - y)^2, and of (a y' + b - y)^2 with a and b of each channel by least squares from ``before``; both
        over the sum of (y - mean y)^2, means over channels.
    """
    y, now, then = (one.double().transpose(0, 1).flatten(1) for one in (outputs, tested, before))
    mean, centre = y.mean(1, keepdim=True), then.mean(1, keepdim=True)
    power = (then - centre).square().sum(1, keepdim=True)
    scale = torch.where(power > 0, ((y - mean) * (then - centre)).sum(1, keepdim=True) / power, 0.0)
    left = scale * (now - centre) + mean - y
    variance = (y - mean).square().sum()
    return float((now - y).square().sum() / variance), float(left.square().sum() / variance)
