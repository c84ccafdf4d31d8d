"""ResNet-20 for 32 x 32 images (He et al., arXiv 1512.03385, section 4.2), at any width.

The paper's network adds the input of each block to its output, and where a block halves the image and doubles the
channels it pads the input with zeros. Here a 1 x 1 convolution with batch normalisation makes the input fit instead
(option B of the same paper), because it is a layer whose weights sit on crossbars like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from xbarpaper.networks.network import CLASSES, IMAGE_PIXELS, IMAGES, Architecture, Network, WeightedLayer


class Shortcut(nn.Conv2d):
    """A 1 x 1 convolution that takes the pixels it needs first: the same numbers as with the stride left to torch.

    The backward pass of torch 2.13's own can corrupt memory on processors without AVX-512, and end the process.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        rows, columns = self.stride
        taken = features[:, :, ::rows, ::columns].contiguous(memory_format=torch.channels_last)
        return nn.functional.conv2d(taken, self.weight, self.bias)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation, added to the block's input."""

    def __init__(self, inputs: int, inner: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.convolution1 = nn.Conv2d(inputs, inner, 3, stride, padding=1, bias=False)
        self.normalisation1 = nn.BatchNorm2d(inner)
        self.convolution2 = nn.Conv2d(inner, outputs, 3, padding=1, bias=False)
        self.normalisation2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1:
            fitting = Shortcut(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(fitting, nn.BatchNorm2d(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        inner = nn.functional.relu(self.normalisation1(self.convolution1(features)), inplace=True)
        outer = self.normalisation2(self.convolution2(inner)) + self.shortcut(features)
        return nn.functional.relu(outer, inplace=True)


class ResNet20(Network):
    """ResNet-20: three stages of three residual blocks, then the mean over all pixels and a linear classifier.

    All blocks of a stage, the layer that opens it and its shortcut add into one group of channels, named ``stage1`` to
    ``stage3``; between its two convolutions each block has a group of its own, of the name of its first convolution.
    """

    name = "resnet20"
    standard: ClassVar[tuple[int, ...]] = (16, 32, 64)
    """Channels of each stage at width 1."""
    blocks_per_stage: ClassVar[int] = 3

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        channels = self.channels
        self.convolution = nn.Conv2d(channels[IMAGES], channels["stage1"], 3, padding=1, bias=False)
        self.normalisation = nn.BatchNorm2d(channels["stage1"])
        self.blocks = nn.ModuleList(
            ResidualBlock(channels[reads], channels[inner], channels[writes], 1 if reads == writes else 2)
            for reads, inner, writes in self._block_groups()
        )
        self.classifier = nn.Linear(channels[f"stage{len(self.standard)}"], architecture.classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.classifier.bias)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.layers = tuple(self._described())

    @classmethod
    def groups(cls, width: float) -> dict[str, int]:
        """See ``Network.groups``."""
        counts = {f"stage{n}": max(1, round(c * width)) for n, c in enumerate(cls.standard, start=1)}
        return counts | {inner: counts[writes] for _, inner, writes in cls._block_groups()}

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of normalised images (n, 3, 32, 32)."""
        features = nn.functional.relu(self.normalisation(self.convolution(images)), inplace=True)
        for block in self.blocks:
            features = block(features)
        logits: Tensor = self.classifier(features.mean((2, 3)))
        return logits

    @classmethod
    def _block_groups(cls) -> Iterator[tuple[str, str, str]]:
        """The groups that each block reads, has between its convolutions, and writes."""
        reads = "stage1"
        for number in range(cls.blocks_per_stage * len(cls.standard)):
            writes = f"stage{number // cls.blocks_per_stage + 1}"
            yield reads, f"conv{2 * number + 2}", writes
            reads = writes

    def _described(self) -> Iterator[WeightedLayer]:
        side, writes = IMAGE_PIXELS, "stage1"
        yield WeightedLayer("conv1", "convolution", IMAGES, writes, (side, side), "normalisation")
        for number, (reads, inner, writes) in enumerate(self._block_groups()):
            block, second = f"blocks.{number}", f"conv{2 * number + 3}"
            side = side if reads == writes else side // 2
            pixels = (side, side)
            yield WeightedLayer(
                inner, f"{block}.convolution1", reads, inner, pixels, f"{block}.normalisation1"
            )
            yield WeightedLayer(
                second, f"{block}.convolution2", inner, writes, pixels, f"{block}.normalisation2"
            )
            if reads != writes:
                shortcut = f"{block}.shortcut"
                name = writes.replace("stage", "shortcut")
                yield WeightedLayer(name, f"{shortcut}.0", reads, writes, pixels, f"{shortcut}.1")
        yield WeightedLayer("classifier", "classifier", writes, CLASSES, (1, 1))
