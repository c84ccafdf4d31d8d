"""Spiking networks on the crossbars: the same devices at every time step, each step with read noise of its own.

A VGG trained through time stands beside one converted from the trained VGG. Both are followed step by step, in software
and on the crossbars, on the same images and, under Poisson coding, the same input spikes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, Final, Literal, cast

import pandas as pd
import torch
from torch import Tensor

from xbarpaper import data
from xbarpaper.data import Images
from xbarpaper.experiments import trained
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.experiments.side_by_side import side_by_side
from xbarpaper.hardware import map_network, read_out
from xbarpaper.hardware.costs import Load, loads, summed
from xbarpaper.hardware.effects import chip
from xbarpaper.hardware.mapped import MappedNetwork
from xbarpaper.hardware.readout import ReadOut
from xbarpaper.networks import Network, build, inference, training
from xbarpaper.networks.network import IMAGES
from xbarpaper.networks.runs import Run
from xbarpaper.networks.spiking import Activity, Neuron, SpikingVgg, balance, fold, spiking, through_time
from xbarpaper.params import Params
from xbarpaper.pruning import compaction_of, unpruned, weight_quantiles
from xbarpaper.support import progress, spreading

STAGE: Final = "21_spiking"
Kind = Literal["trained", "converted"]
_CHOICE: Final = 0  # seed of the random images


@dataclass(frozen=True)
class Spiking:
    """A spiking network and what it does in software."""

    kind: Kind  # trained through time, or converted
    network: SpikingVgg  # on the CPU
    activity: Activity  # on the test images, as many steps as are asked for
    accuracies: list[float]  # after each step, percent

    @property
    def names(self) -> dict[str, str]:
        """The columns that tell it."""
        return {"kind": self.kind, "coding": self.network.coding}


@dataclass(frozen=True)
class Made:
    """The spiking networks of an experiment, the network with ReLU that was converted, and its accuracy, percent."""

    spiking: list[Spiking]
    rectified: SpikingVgg
    rectified_accuracy: float


def make(experiment: Experiment) -> Made:
    """Train a spiking network for each coding, and convert the trained VGG for each.

    The VGG is trained on with average pooling first, because spikes have no largest one.
    """
    settings, images = experiment.params.spiking, experiment.images
    rectified, accuracy = _trained(
        experiment, "average-pooling", spiking(trained.load(experiment).pruned.network, None),
        settings.conversion_epochs, settings.conversion_learning_rate,
    )  # fmt: skip
    shown = data.normalised(images.train[_some(images.train, settings.balance_images)], images, "cpu")
    neuron = Neuron(settings.leak, settings.threshold, settings.initial_charge)
    perfect = Neuron(1.0, 1.0, settings.initial_charge)
    tasks: dict[str, tuple[Any, ...]] = {}
    converted = []
    for coding in settings.codings:
        begun: Network = balance(rectified, shown, settings.start_quantile, coding)
        if settings.start == "fresh":
            begun = build(experiment.architecture, experiment.section.training_seed)
        through = spiking(begun, neuron, settings.train_steps, coding)
        tasks[coding] = (f"spiking-{coding}", through, settings.epochs, settings.learning_rate)
        balanced = balance(rectified, shown, settings.balance_quantile, coding)
        converted.append(spiking(fold(balanced), perfect, max(settings.steps), coding))
    networks: dict[Kind, list[SpikingVgg]] = {
        "trained": [one for one, _ in side_by_side(experiment, _trained, tasks)],
        "converted": converted,
    }
    test, labels = _test_images(experiment)
    found = []
    for kind, own in networks.items():
        for network in own:
            activity = _active([network] * max(settings.steps), test, experiment.params)
            found.append(Spiking(kind, network, activity, _accuracies(activity, labels)))
            _say_silence(found[-1], experiment)
    return Made(found, rectified, accuracy)


def _trained(
    experiment: Experiment, label: str, network: SpikingVgg, epochs: int, learning_rate: float
) -> tuple[SpikingVgg, float]:
    """A network trained in place, on the CPU, and its accuracy on all test images, percent."""
    neuron, images, count = network.neuron, experiment.images, experiment.params.spiking.train_images
    if count < len(images.train):
        images = images.learning_from(_some(images.train, count))
    # Spikes sit at a threshold: the rounding of bfloat16 would make and unmake them.
    exact = {"cut_out_pixels": 0, "precision": "float32"}
    name = label
    if neuron is not None:  # a training that is resumed must agree in the neuron too
        name += f"-{network.steps}-{neuron.leak!r}-{neuron.threshold!r}-{neuron.start!r}"
    run = Run(
        title=f"{experiment.name} {label}",
        settings=experiment.params.train.model_copy(update=exact),
        epochs=epochs,
        learning_rate=learning_rate,
        seed=experiment.section.training_seed,
        resume=experiment.resume(f"{name}.safetensors"),
        live=experiment.live(label),
    )
    history = training.train(network, images, run)
    return network.cpu(), float(history["test_accuracy"].iloc[-1])


def _test_images(experiment: Experiment) -> tuple[Tensor, Tensor]:
    """Random test images, normalised, and their labels."""
    images, device = experiment.images, inference.device_of(experiment.params.train)
    chosen = images.test[_some(images.test, experiment.params.spiking.test_images)]
    return data.normalised(chosen, images, device), chosen.labels


def _some(images: Images, count: int) -> Tensor:
    """Numbers of random images, the same everywhere; all where there are fewer."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(_CHOICE))
    return order[:count].sort().values


def _active(networks: Sequence[SpikingVgg], images: Tensor, params: Params) -> Activity:
    """What a network does with all images, some at a time, on the CPU."""
    moved = {id(network): network.to(images.device).eval() for network in networks}
    read = [moved[id(network)] for network in networks]
    parts, shares = [], []
    with torch.inference_mode():
        for batch in images.split(max(1, params.evaluation.batch_size // len(networks))):
            parts.append(through_time(read, batch))
            shares.append(len(batch) / len(images))
    for network in moved.values():
        network.cpu()
    rates = {
        name: torch.stack([share * part.rates[name].cpu() for share, part in zip(shares, parts, strict=True)]).sum(0)
        for name in parts[0].rates
    }  # fmt: skip
    return Activity(torch.cat([part.outputs.cpu() for part in parts], 1), rates)


def _accuracies(activity: Activity, labels: Tensor) -> list[float]:
    """Accuracy after each step, percent."""
    return [100 * float((outputs.argmax(1) == labels).double().mean()) for outputs in activity.outputs]


def _say_silence(one: Spiking, experiment: Experiment) -> None:
    silent = [name for name, rates in one.activity.rates.items() if not rates.any()]
    if silent and one.network.neuron is not None:
        progress.note(
            f"{experiment.name}, {one.kind}: no neuron of {', '.join(silent)} reaches the threshold "
            f"{one.network.neuron.threshold:g} in {len(one.activity.outputs)} steps; what follows is silent too"
        )


def evaluate(experiment: Experiment, made: Made) -> pd.DataFrame:
    """Follow the spiking networks on the crossbars.

    Returns:
        A row for each network, crossbar size, draw of the devices, kind of reading and number of steps: experiment,
        dataset, network, kind, coding, crossbar_size, read_noise (``none``: all steps read the same; ``fresh``), steps,
        seed, accuracy and software_accuracy (percent, after as many steps), output_error (of the outputs added up so far,
        relative to those in software, root of summed squares), spike_rate (spikes of a neuron in a step, mean over
        layers, on the crossbars).
    """
    params, settings = experiment.params, experiment.params.spiking
    images, labels = _test_images(experiment)
    cases = [
        (one, size, seed)
        for one in made.spiking
        for size in settings.crossbar_sizes
        for seed in range(settings.variation_seeds)
    ]
    with (
        spreading.workers(params.execution) as workers,
        progress.bar("reading spikes", len(cases), "chip") as bar,
    ):
        shown = workers.share(images)
        tasks = (
            spreading.Task(number, f"{' '.join(one.names.values())} {size}, seed {seed}", _rows,
                           (one, size, seed, params, shown, labels))
            for number, (one, size, seed) in enumerate(cases)
        )  # fmt: skip
        found = spreading.in_order(workers, tasks, bar.update)
    table = pd.DataFrame([row for rows in found for row in rows])
    return with_leading(table, experiment.leading)


def _mapped(network: SpikingVgg, size: int, params: Params) -> MappedNetwork:
    whole = unpruned(network)
    w_max = weight_quantiles(whole, params.mapping.w_max_quantile)
    return map_network(whole, compaction_of("unpruned"), size, w_max)


def _rows(
    one: Spiking, size: int, seed: int, params: Params, images: Tensor, labels: Tensor
) -> list[dict[str, Any]]:
    software, rows = one.activity.outputs, []
    for noise, networks in readings(one.network, size, seed, params):
        activity = _active(networks, images, params)
        reached = _accuracies(activity, labels)
        for steps in params.spiking.steps:
            at = steps - 1
            spiked = [own[:steps].mean() for name, own in activity.rates.items() if name != IMAGES]
            rows.append(
                one.names | {
                    "crossbar_size": size, "read_noise": noise, "steps": steps, "seed": seed,
                    "accuracy": reached[at], "software_accuracy": one.accuracies[at],
                    "output_error": _relative(activity.outputs[at], software[at]),
                    "spike_rate": float(torch.stack(spiked).mean()),
                }
            )  # fmt: skip
    return rows


def readings(
    network: SpikingVgg, size: int, seed: int, params: Params
) -> Iterator[tuple[str, list[SpikingVgg]]]:
    """A network as its crossbars read it at each step: without read noise, then with noise drawn anew at each step.

    The gain is that of the devices without read noise; the devices are those of one chip at all steps.
    """
    mapped, settings = _mapped(network, size, params), params.spiking
    quiet = params.devices.model_copy(update={"read_noise": "none"})
    steady = read_out(mapped, quiet, chip(quiet, seed), params.circuit)
    yield "none", [_twin(steady, params)] * max(settings.steps)
    if settings.read_noise != "none":
        noisy = params.devices.model_copy(update={"read_noise": settings.read_noise})
        reads = (
            read_out(mapped, noisy, chip(noisy, seed, step), params.circuit, steady)
            for step in range(max(settings.steps))
        )
        yield "fresh", [_twin(read, params) for read in reads]


def _twin(read: ReadOut, params: Params) -> SpikingVgg:
    return cast(SpikingVgg, read.twin(params.readout.gain))


def _relative(outputs: Tensor, wanted: Tensor) -> float:
    """Error of outputs relative to those wanted; 0 where both are zero."""
    error, size = float((outputs - wanted).norm()), float(wanted.norm())
    return error / size if size else float(error > 0)


def software_table(made: Made, steps: Sequence[int]) -> pd.DataFrame:
    """Accuracy in software on the chosen test images, percent: a row for each network, a column for each of ``steps``."""
    rows = [one.names | {str(count): one.accuracies[count - 1] for count in steps} for one in made.spiking]
    return pd.DataFrame(rows).set_index(["kind", "coding"]).round(2)


def rates_table(experiment: Experiment, made: Made) -> pd.DataFrame:
    """Spikes of a neuron in a step by layer, in software, mean over all steps and test images."""
    rows = [
        {**one.names, "layer": name, "spike_rate": float(rates.mean())}
        for one in made.spiking
        for name, rates in one.activity.rates.items()
    ]
    return with_leading(pd.DataFrame(rows), experiment.leading)


def energy_table(experiment: Experiment, made: Made) -> pd.DataFrame:
    """Energy and latency of one image, spiking and, with the input bits of ``costs``, with ReLU.

    A step reads every crossbar once, with one-bit inputs that are set as often as neurons spike in software, mean
    over all steps. Under direct coding the first layer is read once for all steps, with the input bits of ``costs``.
    Neurons and pooling are left out, as the model leaves out all digital functions.

    Returns:
        Columns: experiment, dataset, network, kind (``relu`` for the network before conversion), coding, crossbar_size,
        steps, conversions, adc_uj, driver_uj, array_uj, digital_uj, memory_uj, energy_uj, latency_us.
    """
    params, settings, rows = experiment.params, experiment.params.spiking, []
    for size in settings.crossbar_sizes:
        plain = _loads(_mapped(made.rectified, size, params), [None] * len(made.rectified.layers), params)
        rows.append({"kind": "relu", "coding": "direct", "crossbar_size": size, "steps": 1}
                    | _costs(plain, [], params))  # fmt: skip
        for one in made.spiking:
            layers = one.network.layers
            rates = [one.activity.rates.get(layer.reads) for layer in layers]
            found = _loads(_mapped(one.network, size, params), rates, params)
            once = [load for load, rate in zip(found, rates, strict=True) if rate is None]
            for steps in settings.steps:
                spikes = [
                    replace(load, vectors=steps * load.vectors)
                    for load, rate in zip(found, rates, strict=True)
                    if rate is not None
                ]
                named = {**one.names, "crossbar_size": size, "steps": steps}
                rows.append(named | _costs(once, spikes, params))
    return with_leading(pd.DataFrame(rows), experiment.leading)


def _loads(mapped: MappedNetwork, rates: Sequence[Tensor | None], params: Params) -> list[Load]:
    """A load for each layer, by the mean rate of the spikes that it reads; None: it reads numbers bit by bit."""
    found: list[Load] = []
    for layer, rate in zip(mapped.layers, rates, strict=True):
        share = params.costs.active_inputs if rate is None else float(rate.mean())
        settings = params.costs.model_copy(update={"active_inputs": share})
        alone = replace(mapped, layers=(layer,))
        found += loads(alone, settings, params.devices.nominal, params.circuit)
    return found


def _costs(once: list[Load], spikes: list[Load], params: Params) -> dict[str, float]:
    settings, parts = params.costs, ((once, params.costs.input_bits), (spikes, 1))
    costs = (
        summed(own, settings.model_copy(update={"input_bits": bits}), settings.adc, settings.columns)
        for own, bits in parts
        if own
    )
    total = reduce(add, costs)
    energies = {f"{name}_uj": part * 1e-6 for name, part in total.parts_pj.items()}
    whole = {"energy_uj": total.energy_pj * 1e-6, "latency_us": total.latency_ns * 1e-3}
    return {"conversions": total.conversions, **energies, **whole}
