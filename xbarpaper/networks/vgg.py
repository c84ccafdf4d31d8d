"""VGG11 and VGG16 for 32 x 32 images, at any width, whole or with filters removed.

Networks follow Simonyan and Zisserman (arXiv 1409.1556) with batch normalisation after every convolution and, as is
usual for 32 x 32 inputs, one linear classifier on the 1 x 1 features that remain after five poolings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from xbarpaper.params import NetworkName
from xbarpaper.params.names import MOST
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.validation import Section

KERNEL_PIXELS = 3
IMAGE_CHANNELS = 3
CLASSIFIER = "classifier"

# Filters of each convolution; None is a 2 x 2 max pooling.
_STANDARD: Mapping[NetworkName, tuple[int | None, ...]] = {
    "vgg11": (64, None, 128, None, 256, 256, None, 512, 512, None, 512, 512, None),
    "vgg16": (64, 64, None, 128, 128, None, 256, 256, 256, None, 512, 512, 512, None, 512, 512, 512, None),
}


class Architecture(Section):
    """What it takes to build a network before its weights are known.

    ``kept_filters`` names, for each convolution, the filters that remain of the standard network at this width, in
    ascending order; ``None`` means all of them.
    """

    network: NetworkName
    width: Annotated[float, Field(gt=0, le=4)]
    classes: Annotated[int, Field(ge=1, le=MOST)]
    kept_filters: tuple[tuple[int, ...], ...] | None = None

    @model_validator(mode="after")
    def _filters_that_there_are(self) -> Self:
        full, kept = self.full_channels, self.kept_filters
        if kept is None:
            return self
        if len(kept) != len(full):
            raise ValueError(f"kept_filters is of {len(kept)} convolutions and must be of {len(full)}")
        for number, (filters, count) in enumerate(zip(kept, full, strict=True), start=1):
            ascending = all(one < other for one, other in pairwise(filters))
            if not filters or not ascending or filters[0] < 0 or filters[-1] >= count:
                raise ValueError(f"kept_filters of conv{number} must be ascending, within 0 to {count - 1}")
        return self

    @property
    def full_channels(self) -> tuple[int, ...]:
        """Filters of each convolution before any is removed."""
        return tuple(max(1, round(n * self.width)) for n in _STANDARD[self.network] if n is not None)

    @property
    def channels(self) -> tuple[int, ...]:
        """Filters of each convolution as built."""
        if self.kept_filters is None:
            return self.full_channels
        return tuple(len(kept) for kept in self.kept_filters)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Layers with weights, from the input on: ``conv1`` ..., then ``classifier``."""
        return (*(f"conv{n}" for n in range(1, len(self.full_channels) + 1)), CLASSIFIER)

    @property
    def label(self) -> str:
        """What figures call the network, for example ``VGG11 (width 0.25)``."""
        return f"{self.network.upper()} (width {self.width:g})"


class ConvolutionBlock(nn.Module):
    """Convolution, batch normalisation, ReLU, and a 2 x 2 max pooling where the network has one."""

    def __init__(self, inputs: int, filters: int, pooled: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, filters, KERNEL_PIXELS, padding=1, bias=False)
        self.normalisation = nn.BatchNorm2d(filters)
        self.pooled = pooled
        nn.init.kaiming_normal_(self.convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs, h, w) to (n, filters, h, w), halved in h and w where pooled."""
        features = nn.functional.relu(self.normalisation(self.convolution(features)), inplace=True)
        return nn.functional.max_pool2d(features, 2) if self.pooled else features


class Vgg(nn.Module):
    """A VGG for 32 x 32 images; ``architecture`` says which."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        layout = _STANDARD[architecture.network]
        pooled = [after is None for before, after in pairwise(layout) if before is not None]
        inputs = (IMAGE_CHANNELS, *architecture.channels)
        self.blocks = nn.ModuleList(
            ConvolutionBlock(*sizes) for sizes in zip(inputs, architecture.channels, pooled, strict=False)
        )
        self.classifier = nn.Linear(architecture.channels[-1], architecture.classes)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of normalised images (n, 3, 32, 32)."""
        for block in self.convolution_blocks():
            images = block(images)
        logits: Tensor = self.classifier(images.flatten(1))
        return logits

    def convolution_blocks(self) -> list[ConvolutionBlock]:
        """The blocks in the order of the forward pass."""
        return [block for block in self.blocks if isinstance(block, ConvolutionBlock)]

    def weights(self) -> dict[str, Tensor]:
        """The weights that crossbars hold, by layer: (out, in, kh, kw) or (out, in). Biases and norms stay digital."""
        convolutions = {
            f"conv{n}": block.convolution.weight for n, block in enumerate(self.convolution_blocks(), start=1)
        }
        return {**convolutions, CLASSIFIER: self.classifier.weight}


def state_forms(architecture: Architecture) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shapes and types of a network's state, known before any memory is taken for it."""
    forms: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}
    inputs, kernel = IMAGE_CHANNELS, (KERNEL_PIXELS, KERNEL_PIXELS)
    for number, filters in enumerate(architecture.channels):
        forms[f"blocks.{number}.convolution.weight"] = ((filters, inputs, *kernel), torch.float32)
        for name in ("weight", "bias", "running_mean", "running_var"):
            forms[f"blocks.{number}.normalisation.{name}"] = ((filters,), torch.float32)
        forms[f"blocks.{number}.normalisation.num_batches_tracked"] = ((), torch.int64)
        inputs = filters
    forms[f"{CLASSIFIER}.weight"] = ((architecture.classes, inputs), torch.float32)
    forms[f"{CLASSIFIER}.bias"] = ((architecture.classes,), torch.float32)
    return forms


def build(architecture: Architecture, seed: int) -> Vgg:
    """A freshly initialised network, the same for the same seed; torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Vgg(architecture)


@dataclass(frozen=True)
class Placement:
    """Where a layer's matrix sits in the matrix of the unpruned layer: original coordinates of its rows and columns.

    Attributes:
        rows: original row of each row, shape (rows,).
        columns: original column of each column, shape (columns,).
        full_shape: rows and columns of the unpruned layer's matrix.
    """

    rows: Tensor
    columns: Tensor
    full_shape: tuple[int, int]

    def embed(self, matrix: Tensor) -> Tensor:
        """Put a matrix (rows, columns) into its original coordinates; zero (or False) elsewhere."""
        full = matrix.new_zeros(self.full_shape)
        full[self.rows[:, None], self.columns[None, :]] = matrix
        return full

    def extract(self, full: Tensor) -> Tensor:
        """Take the matrix out of its original coordinates again; inverse of ``embed``."""
        return full[self.rows[:, None], self.columns[None, :]]


def placements(architecture: Architecture) -> dict[str, Placement]:
    """The placement of every layer that has weights, by name."""
    full = architecture.full_channels
    kept = architecture.kept_filters or tuple(tuple(range(n)) for n in full)
    result: dict[str, Placement] = {}
    inputs, full_inputs, cells = torch.arange(IMAGE_CHANNELS), IMAGE_CHANNELS, KERNEL_PIXELS**2
    for name, filters, full_filters in zip(architecture.layer_names, kept, full, strict=False):
        columns = torch.tensor(filters)
        result[name] = Placement(_rows_of(inputs, cells), columns, (full_inputs * cells, full_filters))
        inputs, full_inputs = columns, full_filters
    result[CLASSIFIER] = Placement(
        inputs, torch.arange(architecture.classes), (full_inputs, architecture.classes)
    )
    return result


def without_filters(network: Vgg, kept_filters: tuple[tuple[int, ...], ...]) -> Vgg:
    """A really smaller copy of a whole network: only the named filters of each convolution, and the channels they feed.

    Args:
        network: a network with all its filters.
        kept_filters: for each convolution, the filters that stay, ascending.

    Raises:
        ArtifactError: the network has lost filters already, or a convolution would lose all.
    """
    if network.architecture.kept_filters is not None:
        raise ArtifactError("filters can only be removed from a network that has them all")
    if not all(kept_filters):
        raise ArtifactError(
            f"conv{kept_filters.index(()) + 1} would lose all its filters; lower the sparsity"
        )
    architecture = network.architecture.model_copy(update={"kept_filters": kept_filters})
    smaller = Vgg(architecture)
    device = network.classifier.weight.device
    inputs = torch.arange(IMAGE_CHANNELS)
    with torch.no_grad():
        for source, target, filters in zip(
            network.convolution_blocks(), smaller.convolution_blocks(), kept_filters, strict=True
        ):
            kept = torch.tensor(filters)
            target.convolution.weight.copy_(source.convolution.weight.cpu()[kept][:, inputs])
            for name, value in source.normalisation.state_dict().items():
                target.normalisation.state_dict()[name].copy_(
                    value.cpu()[kept] if value.dim() else value.cpu()
                )
            inputs = kept
        smaller.classifier.weight.copy_(network.classifier.weight.cpu()[:, inputs])
        smaller.classifier.bias.copy_(network.classifier.bias)
    return smaller.to(device)


def _rows_of(channels: Tensor, cells: int) -> Tensor:
    """Matrix rows of input channels: ``cells`` (kh * kw) consecutive ones for each."""
    return (channels[:, None] * cells + torch.arange(cells)).flatten()
