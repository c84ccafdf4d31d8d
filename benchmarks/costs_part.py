"""One part of what an experiment costs: ``costs.py`` runs each in a process of its own, so that its memory is its own."""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from circuit_network import peak_bytes
from PIL import Image
from training import random_images, synchronise

from xbarpaper import data, params
from xbarpaper.data import ImageSet, normalised
from xbarpaper.experiments import checkpoints, mechanism
from xbarpaper.hardware.circuit import effective_conductance
from xbarpaper.hardware.effects import Variation
from xbarpaper.hardware.mapped import MappedNetwork, map_network
from xbarpaper.hardware.readout import ReadOut, read_out
from xbarpaper.networks import Architecture, Network, build, inference, training
from xbarpaper.networks.runs import HeldMask, Run, Teacher
from xbarpaper.params import Cifar, Dataset, Experiment, Params, Shapes10
from xbarpaper.pruning import SCHEMES, PrunedNetwork, compaction_of, prune, unpruned, weight_quantiles

T = TypeVar("T")

PARTS = ("data", "trained", "cf", "masked", "circuit")
CIFAR_IMAGES = (50_000, 10_000)  # of CIFAR-10 and CIFAR-100; a folder of images is taken to hold as many
_SAMPLE = 256  # images for the speed of inference, and for that of drawing and decoding
_FEWEST_STEPS = 2


def measure(part: str, profile: Path, experiment: str, seconds: float) -> dict[str, Any]:
    """What one of ``PARTS`` takes.

    Args:
        part: which.
        profile: file of the profile.
        experiment: one of its experiments.
        seconds: of training steps; two steps at least.
    """
    settings = params.load_profile(profile)
    chosen = settings.experiment(experiment)
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        if part == "data":
            measured = prepare(settings.dataset(chosen.dataset))
        elif part == "circuit":
            measured = evaluate(settings, chosen)
        else:
            measured = train(settings, chosen, part, seconds)
    return {"gib": peak_gib(), **measured}


def image_counts(settings: Dataset) -> tuple[int, int]:
    """Training and test images of a dataset, without looking at it."""
    return (settings.train_images, settings.test_images) if isinstance(settings, Shapes10) else CIFAR_IMAGES


def class_count(settings: Dataset) -> int:
    return 100 if isinstance(settings, Cifar) and settings.kind == "cifar100" else 10


def peak_gib() -> float:
    return peak_bytes() / (1 << 30)


def noise(settings: Dataset) -> ImageSet:
    """Random images, as many as the dataset has."""
    return random_images(*image_counts(settings), class_count(settings))


# --- data ---------------------------------------------------------------------------------------------------


def prepare(settings: Dataset) -> dict[str, Any]:
    """Seconds and memory of preparing a dataset: drawn and decoded on a sample and scaled, or in memory as a whole."""
    whole = sum(image_counts(settings))
    # Reading the original files takes no time that shows; downloading is not counted.
    if isinstance(settings, Cifar):
        return {"seconds": seconds_of(lambda: noise(settings))}
    if isinstance(settings, Shapes10):
        small = settings.model_copy(update={"train_images": _SAMPLE // 10 * 10, "test_images": 10})
        seconds = seconds_of(lambda: data.prepare("sample", small))
    else:
        with tempfile.TemporaryDirectory() as folder:
            draw_pictures(Path(folder))
            counts = {"train_images": 0, "test_images": 0}
            small_folder = settings.model_copy(update={"path": folder, "path_environment": "", **counts})
            seconds = seconds_of(lambda: data.prepare("sample", small_folder))
    pixels = 2 * whole * 3 * 32 * 32 / (1 << 30)  # once decoded, once on the way to the disk
    return {"seconds": seconds * whole / _SAMPLE, "gib": peak_gib() + pixels}


def draw_pictures(folder: Path) -> None:
    """A sample of JPEG files in two classes."""
    pixels = torch.randint(0, 256, (_SAMPLE, 32, 32, 3), dtype=torch.uint8).numpy()
    for number, one in enumerate(pixels):
        path = folder / ("test" if number < 8 else "train") / f"class{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one).save(path)


# --- training -----------------------------------------------------------------------------------------------


class Enough(Exception):  # noqa: N818
    """Enough steps were timed."""


@dataclass
class Clock:
    """A constraint that changes nothing: it looks at the clock after every step, and ends the training."""

    seconds: float
    times: list[float] = field(default_factory=list)

    def apply(self, network: Network) -> None:
        synchronise()
        self.times.append(time.perf_counter())
        if len(self.times) > _FEWEST_STEPS and self.times[-1] - self.times[0] > self.seconds:
            raise Enough

    def digest(self) -> str:
        return ""


def train(settings: Params, experiment: Experiment, part: str, seconds: float) -> dict[str, Any]:
    """Seconds of a step at the profile's batch size on a dataset of the real size, and of an image of the test set.

    ``trained`` is the unpruned network; ``cf`` and ``masked`` (XCS) have their masks held and learn from a teacher.
    """
    images = noise(settings.dataset(experiment.dataset))
    whole = build(architecture_of(settings, experiment), 0)
    pruned, teacher = unpruned(whole), None
    if part != "trained":
        scheme = SCHEMES["cf" if part == "cf" else "xcs"]
        pruned = prune(
            whole, scheme, settings.prune, experiment.sparsity, settings.mapping.crossbar_sizes[-1]
        )
        if settings.distillation.weight > 0 and settings.prune.when == "trained":
            teacher = Teacher(whole, settings.distillation)
    held = () if part == "trained" else (HeldMask(pruned.weight_masks()),)
    clock = Clock(seconds)
    run = Run(
        title=part,
        settings=settings.train,
        epochs=1000,
        learning_rate=1e-6,
        seed=0,
        constraints=(*held, clock),
        teacher=teacher,
    )
    with contextlib.suppress(Enough):
        training.train(pruned.network, images, run)
    steps = [later - earlier for earlier, later in pairwise(clock.times)]
    return {
        "step_s": statistics.median(steps),
        "steps": len(steps),
        "test_image_s": image_seconds(pruned.network, images, settings, torch.float32),
    }


def image_seconds(network: Network, images: ImageSet, settings: Params, dtype: torch.dtype) -> float:
    """Seconds of inference per image."""
    device, network = inference.device_of(settings.train), network.to(inference.device_of(settings.train))
    sample = images.train[:_SAMPLE]
    pixels, labels = normalised(sample, images, device), sample.labels.to(device)
    batch = min(len(labels), settings.evaluation.batch_size)
    inference.accuracy(network, pixels[:8], labels[:8], batch, dtype)
    return seconds_of(lambda: inference.accuracy(network, pixels, labels, batch, dtype)) / len(labels)


# --- crossbars ----------------------------------------------------------------------------------------------


def evaluate(settings: Params, experiment: Experiment) -> dict[str, Any]:
    """Seconds of mapping, of solving all crossbars, of a twin and of an image, unpruned and C/F, by crossbar size."""
    images = noise(settings.dataset(experiment.dataset))
    device = inference.device_of(settings.train)
    tested = normalised(images.test, images, device)  # held while networks are evaluated
    whole = build(architecture_of(settings, experiment), 0)
    networks: dict[params.SchemeName, PrunedNetwork] = {
        "unpruned": unpruned(whole),
        "cf": prune(whole, SCHEMES["cf"], settings.prune, experiment.sparsity, 0),
    }
    dtype = inference.forward_dtype(settings.evaluation.precision, device)
    image_s = {name: image_seconds(one.network, images, settings, dtype) for name, one in networks.items()}
    sizes: dict[str, dict[str, dict[str, float]]] = {}
    for size in settings.mapping.crossbar_sizes:
        effective_conductance(torch.full((2, 1, size, size), 1e-5), settings.circuit)  # compiles
        pruned, _, _ = on_crossbars(networks["cf"], "cf", size, settings)
        whole_times, mapped, read = on_crossbars(networks["unpruned"], "unpruned", size, settings)
        sizes[str(size)] = {"unpruned": whole_times, "cf": pruned}
    peak = peak_gib()
    error_s = seconds_of(
        lambda: [mechanism.error_parts(layer.weights, layer.effective_weights) for layer in read.layers]
    )
    held = 3 * sum(one.matrix.nbytes + one.mask.nbytes for one in mapped.layers) / (1 << 30)
    return {
        "image_s": image_s,
        "sizes": sizes,
        "error_s": error_s,
        "layers": len(mapped.layers),
        "test_images": len(tested),
        "gib": peak,
        "mechanism_gib": peak_gib() + held,  # it keeps four networks
        "hardware": f"{checkpoints.versions()['hardware']}, torch {torch.__version__}",
    }


def on_crossbars(
    network: PrunedNetwork, scheme: params.SchemeName, size: int, settings: Params
) -> tuple[dict[str, float], MappedNetwork, ReadOut]:
    """Times of one network at one crossbar size, the network as mapped, and what its crossbars compute."""
    variation = [Variation(settings.devices.variation_sigma, 0)]
    w_max = weight_quantiles(network, 1.0)
    map_s, mapped = timed(lambda: map_network(network, compaction_of(scheme), size, w_max))
    read_s, read = timed(lambda: read_out(mapped, settings.devices, variation, settings.circuit))
    variation_s = seconds_of(lambda: read_out(mapped, settings.devices, variation, None))
    twin_s = seconds_of(lambda: read.twin(settings.readout.gain))
    return {"map_s": map_s, "read_s": read_s, "variation_s": variation_s, "twin_s": twin_s}, mapped, read


def architecture_of(settings: Params, experiment: Experiment) -> Architecture:
    classes = class_count(settings.dataset(experiment.dataset))
    return Architecture(network=experiment.network, width=experiment.width, classes=classes)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of some work, and what it returns."""
    begun = time.perf_counter()
    result = work()
    synchronise()
    return time.perf_counter() - begun, result


def seconds_of(work: Callable[[], object]) -> float:
    return timed(work)[0]
