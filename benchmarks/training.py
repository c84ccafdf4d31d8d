"""Speed of the training loop beside the bare forward-backward step, on the same batches and in the same run.

``python benchmarks/training.py --network vgg11 --width 0.25``. The loop is the library's own, as the pipeline
calls it: random batches, augmentation, running loss and accuracy, progress bar, what a killed run resumes from after each
epoch. The bare step gets batches that are normalised and laid out beforehand and does nothing but forward, backward
and optimiser step, on an equal network. A second bare step computes all its convolutions by torch, none by Winograd's
filtering nor unfolded (``vgg.Convolution3x3``). Epochs take turns; the ratios of the medians are what counts. The rate
of one large matrix product, as the processor reaches it before the epochs, stands beside them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from xbarpaper import params
from xbarpaper.data import Images, ImageSet, normalised
from xbarpaper.networks import Architecture, Network, build, inference, training
from xbarpaper.networks.runs import Run
from xbarpaper.networks.vgg import Convolution3x3
from xbarpaper.support import cores

PROFILE = Path(__file__).parent.parent / "profiles" / "quick.yaml"
CLASSES = 10
TEST_IMAGES = 10  # accuracy on test images is no part of the step: next to none


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", choices=["vgg11", "vgg16"], default="vgg11")
    parser.add_argument("--width", type=float, default=0.25, help="channels relative to the standard network")
    parser.add_argument("--images", type=int, default=2560, help="training images, of random pixels")
    parser.add_argument("--batch", type=int, default=128, help="images per step")
    parser.add_argument("--epochs", type=int, default=7, help="measured epochs of each; one more warms up")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cores.keep_freed_memory()
    settings = params.load_profile(PROFILE).train.model_copy(update={"batch_size": arguments.batch})
    architecture = Architecture(network=arguments.network, width=arguments.width, classes=CLASSES)
    device = inference.device_of(settings)
    dtype = inference.forward_dtype(settings.precision, device)
    rate = matrix_rate(dtype)
    loop, bare, direct = measure(architecture, random_images(arguments.images), settings, arguments.epochs)
    print(
        f"{architecture.label}, {arguments.images} images, batches of {arguments.batch}, {device}, "
        f"{dtype}, {arguments.threads} threads; "
        f"median of {arguments.epochs} epochs, in turns; matrix product at {rate / 1e9:.0f} GFLOP/s"
    )
    print(f"{'':>24} {'images/s':>10} {'slowest':>10} {'fastest':>10}")
    images = arguments.images // arguments.batch * arguments.batch
    for name, seconds in (("training.train", loop), ("bare step", bare), ("torch's convolutions", direct)):
        median = images / statistics.median(seconds)
        print(f"{name:>24} {median:>10.0f} {images / max(seconds):>10.0f} {images / min(seconds):>10.0f}")
    print(
        f"{'ratio of the medians':>24} {statistics.median(bare) / statistics.median(loop):>10.3f}   (goal: 0.90)"
    )
    print(f"{'over torch alone':>24} {statistics.median(direct) / statistics.median(bare):>10.3f}")


def matrix_rate(dtype: torch.dtype, size: int = 2048, repeats: int = 5) -> float:
    """Floating-point operations a second of a matrix product in that arithmetic, the fastest of some."""
    one = torch.rand(size, size).to(dtype)
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        one @ one
        seconds.append(time.perf_counter() - begun)
    return 2 * size**3 / min(seconds)


def random_images(train: int, test: int = TEST_IMAGES, classes: int = CLASSES) -> ImageSet:
    """A dataset of noise: what is in the pixels changes neither time nor memory."""
    generator = torch.Generator().manual_seed(0)
    parts = [
        Images(
            torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator),
            torch.arange(count) % classes,
        )
        for count in (train, test)
    ]
    return ImageSet.of("noise", "noise", [f"class {number}" for number in range(classes)], *parts)


def measure(
    architecture: Architecture, images: ImageSet, settings: params.Train, epochs: int
) -> tuple[list[float], list[float], list[float]]:
    """Seconds of each epoch: of the loop, of the bare step, and of the bare step by torch's own convolutions."""
    bare, direct = (BareEpoch(build(architecture, 0), images, settings) for _ in range(2))
    for module in direct.network.modules():
        if isinstance(module, Convolution3x3):
            module.__class__ = nn.Conv2d  # type: ignore[assignment]  # the same weights, computed by torch
    bare.run()
    direct.run()
    seconds: tuple[list[float], list[float], list[float]] = [], [], []
    ended = 0.0

    def between_epochs(done: int) -> None:
        nonlocal ended
        synchronise()
        if done > 1:
            seconds[0].append(time.perf_counter() - ended)
        for beside, own in ((bare, seconds[1]), (direct, seconds[2])):
            if done <= epochs:
                begun = time.perf_counter()
                beside.run()
                own.append(time.perf_counter() - begun)
        ended = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        run = Run(
            title="training.train",
            settings=settings,
            epochs=epochs + 1,
            learning_rate=settings.learning_rate,
            seed=0,
            resume=Path(folder) / "resume.safetensors",
        )
        training.train(build(architecture, 0), images, run, between_epochs)
    return seconds


class BareEpoch:
    """Forward, backward and step on batches that lie ready."""

    def __init__(self, network: Network, images: ImageSet, settings: params.Train) -> None:
        device = inference.device_of(settings)
        self.network = network.to(device)
        self.settings = settings
        self.dtype = inference.forward_dtype(settings.precision, device)
        pixels, labels = normalised(images.train, images, device), images.train.labels.to(device)
        whole = len(labels) // settings.batch_size * settings.batch_size
        inputs, truths = (one[:whole].split(settings.batch_size) for one in (pixels, labels))
        self.batches: list[tuple[Tensor, Tensor]] = [
            (batch.contiguous(memory_format=torch.channels_last), truth)
            for batch, truth in zip(inputs, truths, strict=True)
        ]
        self.optimiser = torch.optim.SGD(
            network.parameters(),
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=settings.momentum > 0,
            foreach=True,
        )

    def run(self) -> None:
        """One pass over the batches."""
        self.network.train()
        for batch, labels in self.batches:
            with inference.arithmetic(batch.device, self.dtype):
                loss = nn.functional.cross_entropy(
                    self.network(batch), labels, label_smoothing=self.settings.label_smoothing
                )
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        synchronise()


def synchronise() -> None:
    """Wait for a GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
