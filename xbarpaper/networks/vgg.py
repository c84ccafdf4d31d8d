"""VGG11 and VGG16 for 32 x 32 images, at any width, whole or with filters removed.

Networks follow Simonyan and Zisserman (arXiv 1409.1556) with batch normalisation after every convolution and, as is
usual for 32 x 32 inputs, one linear classifier on the 1 x 1 features that remain after five poolings.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from xbarpaper.networks.convolution import Convolution3x3
from xbarpaper.networks.network import CLASSES, IMAGE_PIXELS, IMAGES, Architecture, Network, WeightedLayer


class ConvolutionBlock(nn.Module):
    """Convolution, batch normalisation, a 2 x 2 max pooling where the network has one, and ReLU."""

    def __init__(self, inputs: int, filters: int, pooled: bool) -> None:
        super().__init__()
        self.convolution = Convolution3x3(inputs, filters)
        self.normalisation = nn.BatchNorm2d(filters)
        self.pooled = pooled
        nn.init.kaiming_normal_(self.convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs, h, w) to (n, filters, h, w), halved in h and w where pooled."""
        features = self.normalisation(self.convolution(features))
        if self.pooled:  # before ReLU, with which it may change places: that has a quarter of the pixels then
            features = nn.functional.max_pool2d(features, 2)
        return nn.functional.relu(features, inplace=True)


class Vgg(Network):
    """A VGG: a chain of convolutions, each writing a group of channels of its own."""

    standard: ClassVar[tuple[int | None, ...]]
    """Filters of each convolution at width 1; None is a 2 x 2 max pooling."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        channels = list(self.channels.values())[:-1]
        pooled = [after is None for before, after in pairwise(self.standard) if before is not None]
        self.blocks = nn.ModuleList(
            ConvolutionBlock(*sizes) for sizes in zip(channels, channels[1:], pooled, strict=False)
        )
        self.classifier = nn.Linear(channels[-1], architecture.classes)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.layers = tuple(self._described(pooled))

    @classmethod
    def groups(cls, width: float) -> dict[str, int]:
        """See ``Network.groups``: a group for each convolution, of its name."""
        filters = [count for count in cls.standard if count is not None]
        return {f"conv{n}": max(1, round(count * width)) for n, count in enumerate(filters, start=1)}

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of normalised images (n, 3, 32, 32)."""
        for block in self.blocks:
            images = block(images)
        logits: Tensor = self.classifier(images.flatten(1))
        return logits

    def _described(self, pooled: list[bool]) -> Iterator[WeightedLayer]:
        side, reads = IMAGE_PIXELS, IMAGES
        for number, halved in enumerate(pooled):
            name, block = f"conv{number + 1}", f"blocks.{number}"
            yield WeightedLayer(
                name, f"{block}.convolution", reads, name, (side, side), f"{block}.normalisation"
            )
            side, reads = side // 2 if halved else side, name
        yield WeightedLayer("classifier", "classifier", reads, CLASSES, (1, 1))


class Vgg11(Vgg):
    """VGG11: column A of table 1 of arXiv 1409.1556."""

    name = "vgg11"
    standard = (64, None, 128, None, 256, 256, None, 512, 512, None, 512, 512, None)


class Vgg16(Vgg):
    """VGG16: column D of table 1 of arXiv 1409.1556."""

    name = "vgg16"
    standard = (64, 64, None, 128, 128, None, 256, 256, 256, None, 512, 512, 512, None, 512, 512, 512, None)
