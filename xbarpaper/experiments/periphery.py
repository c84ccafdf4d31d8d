"""How many bits the converters need: accuracy on the crossbars by the bits of a conversion, for every scheme and size.

Wires and one draw of device variation act, without mitigation. All widths of one network see the same devices, images
and ranges, so that they differ in the rounding alone.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, Final

import pandas as pd
import torch
from torch import Tensor

from xbarpaper import data
from xbarpaper.experiments import crossbars
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.experiments.subject import Bench, Subject
from xbarpaper.hardware import Variation, periphery
from xbarpaper.hardware.mapped import SIGNS, MappedNetwork
from xbarpaper.hardware.periphery import IDEAL, Converters, Slicing
from xbarpaper.mitigation import NONE
from xbarpaper.networks.network import Network
from xbarpaper.params import Gain, Params, Periphery
from xbarpaper.support import memory, progress, spreading
from xbarpaper.support.errors import ParameterError

STAGE: Final = "15_periphery"
_DRAW: Final = 0  # of the devices


def bits_table(experiment: Experiment) -> pd.DataFrame:
    """Accuracy by the bits of a conversion.

    Returns:
        Columns: experiment, dataset, network, scheme, crossbar_size, adc_bits (0: ideal), accuracy (percent), changed
        (percent of the images that ideal converters had right and these have wrong, or the other way round), images.

    Raises:
        ParameterError: the currents of a batch do not fit the memory.
    """
    params = experiment.params
    subjects = list(crossbars.subjects(experiment, (NONE,), params.mapping.crossbar_sizes))
    require_memory(params, subjects)
    images = experiment.images
    chosen = torch.Generator().manual_seed(0)
    few = torch.randperm(len(images.train), generator=chosen)[: params.periphery.calibration_images]
    shown = torch.randperm(len(images.test), generator=chosen)[: params.periphery.test_images]
    shared = bench(experiment)
    shared = replace(shared, images=shared.images[shown], labels=shared.labels[shown])
    calibration = data.normalised(images.train[few], images, "cpu")
    others = (shared, calibration, params.periphery, params.readout.gain)
    tasks = (
        spreading.Task(number, f"{one.label}, converters", right_by_bits, (one.mapped, *others))
        for number, one in enumerate(subjects)
    )
    with (
        spreading.workers(params.execution) as workers,
        progress.bar("converting", len(subjects), "network") as bar,
    ):
        found = spreading.in_order(workers, tasks, bar.update)
    rows: list[dict[str, Any]] = [
        {
            "scheme": one.scheme, "crossbar_size": one.mapped.crossbar_size, "adc_bits": bits,
            "accuracy": _percent(right), "changed": _percent(right != own[IDEAL]), "images": len(shown),
        }
        for one, own in zip(subjects, found, strict=True)
        for bits, right in own.items()
    ]  # fmt: skip
    return with_leading(pd.DataFrame(rows), experiment.leading)


def _percent(right: Tensor) -> float:
    return 100.0 * int(right.sum()) / len(right)


def right_by_bits(
    mapped: MappedNetwork, shared: Bench, calibration: Tensor, settings: Periphery, gain: Gain
) -> dict[int, Tensor]:
    """Which images a network between converters classifies right, by the bits of a conversion; 0: ideal.

    Args:
        calibration: normalised training images that set the ranges.
    """
    effects = [Variation(shared.devices.variation_sigma, _DRAW)]
    slicing = Slicing(settings.weight_bits, settings.weight_slices)
    arrays = {
        layer.name: periphery.arrays_of(layer, shared.devices, effects, shared.parasitics, slicing, gain)
        for layer in mapped.layers
    }
    converters = Converters(
        settings.input_bits, settings.dac_bits, IDEAL, settings.range_quantile, settings.range_scope
    )
    network = periphery.on_crossbars(mapped, arrays, converters)
    periphery.calibrate(network, calibration)
    images, labels = shared.images.cpu(), shared.labels.cpu()
    network.eval()
    found = {}
    for bits in (IDEAL, *settings.adc_bits):
        periphery.set_adc_bits(network, bits)
        with torch.inference_mode():
            answers = [network(batch).argmax(1) for batch in images.split(settings.batch_images)]
        found[bits] = torch.cat(answers) == labels
    return found


def require_memory(params: Params, subjects: list[Subject]) -> None:
    """Refuse, before anything runs, batches whose currents do not fit the memory.

    Raises:
        ParameterError: less is free.
    """
    most = max(_floats_per_image(one.mapped, params.periphery) for one in subjects)
    at_once = {name: getattr(params.periphery, name) for name in ("batch_images", "calibration_images")}
    name = max(at_once, key=lambda one: at_once[one])
    memory.require(
        8.0 * most * at_once[name],  # float32, and a copy of each in work
        f"params.yaml: periphery.{name} = {at_once[name]}",
        "lower it",
        ParameterError,
    )


def _floats_per_image(mapped: MappedNetwork, settings: Periphery) -> int:
    """Inputs and currents of one image in the layer that has most."""
    if not isinstance(mapped.network, Network):
        raise ValueError(f"{type(mapped.network).__name__} does not tell the output pixels of its layers")
    pixels = {layer.name: prod(layer.output_pixels) for layer in mapped.network.layers}
    sides = SIGNS * settings.weight_slices
    used = {one.name: ((one.tiles.rows >= 0).sum(), (one.tiles.columns >= 0).sum()) for one in mapped.layers}
    return max(pixels[name] * (int(rows) + sides * int(columns)) for name, (rows, columns) in used.items())
