"""VGG11 and VGG16 for 32 x 32 images, at any width, whole or with filters removed.

Networks follow Simonyan and Zisserman (arXiv 1409.1556) with batch normalisation after every convolution and, as is
usual for 32 x 32 inputs, one linear classifier on the 1 x 1 features that remain after five poolings.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar, Final

import torch
from torch import Tensor, nn

from xbarpaper.networks import unfolded, winograd
from xbarpaper.networks.network import CLASSES, IMAGE_PIXELS, IMAGES, Architecture, Network, WeightedLayer

_LEAST_CHANNELS: Final = 128  # with fewer, moving the data costs more than the products that are saved
_UNFOLDED_SIDES: Final = (2, 4)  # on larger maps the library's own convolution is as fast


class Convolution3x3(nn.Conv2d):
    """A 3 x 3 convolution of stride 1 that keeps the size of its maps, fast on small ones too.

    It trains without a bias; one may be put in afterwards (``folded``). On a processor, float32 goes by Winograd's
    filtering and bfloat16 by unfolding; all else is torch's own.
    """

    def __init__(self, inputs: int, filters: int) -> None:
        super().__init__(inputs, filters, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs, h, w) to (n, filters, h, w)."""
        height, side = features.shape[2:]
        if features.device.type == "cpu" and height == side and min(self.weight.shape[:2]) >= _LEAST_CHANNELS:
            cast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
            if side in winograd.SIDES and cast is None and features.dtype == torch.float32:
                convolved = winograd.whole_map(features, self.weight)
                return convolved if self.bias is None else convolved + self.bias[:, None, None]
            if side in _UNFOLDED_SIDES and cast == torch.bfloat16:
                bias = None if self.bias is None else self.bias.to(cast)
                return unfolded.convolve(features.to(cast), self.weight.to(cast), bias)
        return super().forward(features)


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
