"""A network and the description of its weighted layers.

Pruning, mapping and the mitigations know a network by this description alone. Layers read and write *groups of
channels*. Layers whose outputs are added write the same group, so a channel of the group is a column of the matrix of
every layer that writes it, and rows of the matrix of every layer that reads it.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Final, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from xbarpaper.networks.matrix import Placement, matrix_of, weight_of
from xbarpaper.params import NetworkName
from xbarpaper.params.names import MOST, NETWORK_TITLES
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.validation import Section

IMAGES: Final = "images"
"""The group that the images are: it never shrinks."""
CLASSES: Final = "classes"
"""The group that the logits are: it never shrinks."""
IMAGE_CHANNELS: Final = 3
IMAGE_PIXELS: Final = 32

Weighted = nn.Conv2d | nn.Linear


class Architecture(Section):
    """Which network, how wide, and what is left of it.

    ``kept_channels`` names, for groups of channels that have shrunk, the channels that remain of the whole network at
    this width, in ascending order; a group not named keeps all of its channels. ``None`` is a whole network.
    """

    network: NetworkName
    width: Annotated[float, Field(gt=0, le=4)]
    classes: Annotated[int, Field(ge=1, le=MOST)]
    kept_channels: dict[str, tuple[int, ...]] | None = None

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for group, kept in (self.kept_channels or {}).items():
            if not kept or kept[0] < 0 or any(one >= other for one, other in pairwise(kept)):
                raise ValueError(f"kept_channels of {group!r} must be ascending, at least one, from 0 on")
        return self

    @property
    def label(self) -> str:
        """What figures call the network, for example ``VGG11 (width 0.25)``."""
        return f"{NETWORK_TITLES[self.network]} (width {self.width:g})"


@dataclass(frozen=True)
class WeightedLayer:
    """A layer whose weights crossbars hold."""

    name: str  # what tables call it, and what seeds the draw of its devices
    module: str  # dotted name of its ``nn.Conv2d`` or ``nn.Linear`` in the network
    reads: str  # group of channels that it reads
    writes: str  # group of channels that it writes
    output_pixels: tuple[int, int]  # height and width of its output for an image of 32 x 32
    norm: str | None = None  # dotted name of the batch norm that follows; None where there is none


class Network(nn.Module, ABC):
    """A network for 32 x 32 images that describes its weighted layers.

    A subclass says its ``groups``, builds its modules with ``self.channels`` channels in each, and sets ``layers``, in
    the order of the forward pass.

    Attributes:
        name: name in the parameters.
        layers: the weighted layers.
        architecture: what the network was built from.
        full_channels: channels of each group of the whole network.
        kept_channels: those of them that this network has, by group, ascending.
        channels: how many those are.

    Raises:
        ArtifactError: the architecture keeps channels that the whole network does not have.
    """

    name: ClassVar[NetworkName]
    layers: tuple[WeightedLayer, ...] = ()

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        inner = self.groups(architecture.width)
        self.full_channels = {IMAGES: IMAGE_CHANNELS, **inner, CLASSES: architecture.classes}
        kept = architecture.kept_channels or {}
        for group, channels in kept.items():
            if group not in inner:
                raise ArtifactError(f"kept_channels: no group {group!r} (there are: {', '.join(inner)})")
            if channels[-1] >= inner[group]:
                raise ArtifactError(f"kept_channels of {group!r} must be within 0 to {inner[group] - 1}")
        self.kept_channels: dict[str, Sequence[int]] = {
            group: kept.get(group, range(count)) for group, count in self.full_channels.items()
        }
        self.channels = {group: len(channels) for group, channels in self.kept_channels.items()}

    @classmethod
    @abstractmethod
    def groups(cls, width: float) -> dict[str, int]:
        """Channels of each group but images and classes, of the whole network at a width."""

    def weighted_modules(self) -> dict[str, Weighted]:
        """The modules whose weights crossbars hold, by layer.

        Raises:
            ArtifactError: the network does not describe its layers, or a description does not fit its module.
        """
        if not self.layers:
            raise ArtifactError(f"{type(self).__name__} does not describe its weighted layers")
        return {layer.name: self._module(layer) for layer in self.layers}

    def weights(self) -> dict[str, Tensor]:
        """The weights that crossbars hold, by layer: (out, in, kh, kw) or (out, in). Biases and norms stay digital."""
        return {name: module.weight for name, module in self.weighted_modules().items()}

    def norms(self) -> dict[str, nn.BatchNorm2d]:
        """The batch norm that follows each layer, by layer; layers without one are left out."""
        found = {layer.name: self.get_submodule(layer.norm) for layer in self.layers if layer.norm}
        return {name: norm for name, norm in found.items() if isinstance(norm, nn.BatchNorm2d)}

    def placements(self) -> dict[str, Placement]:
        """Where each layer's matrix sits in original coordinates, by layer."""
        return {
            layer.name: self._placement(layer, module)
            for layer, module in zip(self.layers, self.weighted_modules().values(), strict=True)
        }

    def matrices(self) -> dict[str, Tensor]:
        """Matrix form of every layer in original coordinates, zero where channels are gone, on the CPU."""
        places = self.placements()
        return {
            name: places[name].embed(matrix_of(weight.detach().cpu()))
            for name, weight in self.weights().items()
        }

    def _module(self, layer: WeightedLayer) -> Weighted:
        module = self.get_submodule(layer.module)
        if not isinstance(module, Weighted):
            raise ArtifactError(
                f"layer {layer.name}: {layer.module} is a {type(module).__name__}, allowed are Conv2d and Linear"
            )
        inputs, outputs = self.channels.get(layer.reads), self.channels.get(layer.writes)
        if inputs is None or outputs is None:
            raise ArtifactError(f"layer {layer.name}: no group {layer.reads!r} or no group {layer.writes!r}")
        if len(module.weight) != outputs or module.weight.shape[1] * groups_of(module) % inputs:
            raise ArtifactError(
                f"layer {layer.name}: {module} does not read {inputs} channels and write {outputs}"
            )
        return module

    def _placement(self, layer: WeightedLayer, module: Weighted) -> Placement:
        groups, (reads, writes) = groups_of(module), (layer.reads, layer.writes)
        shrunk = [g for g in (reads, writes) if self.channels[g] != self.full_channels[g]]
        if groups > 1 and shrunk:
            raise ArtifactError(f"layer {layer.name}: a grouped convolution cannot lose channels")
        cells = module.weight[0].numel() * groups // self.channels[reads]
        inputs = torch.tensor(self.kept_channels[reads])[:, None] * cells + torch.arange(cells)
        columns = torch.tensor(self.kept_channels[writes])
        full_shape = (self.full_channels[reads] * cells, self.full_channels[writes])
        return Placement(inputs.reshape(groups, -1), columns.reshape(groups, -1), full_shape)


def groups_of(module: Weighted) -> int:
    """Groups of a convolution; 1 for a linear layer."""
    return module.groups if isinstance(module, nn.Conv2d) else 1


def require_whole(network: Network) -> None:
    """Refuse, with an ArtifactError, a network that has lost channels."""
    if network.architecture.kept_channels is not None:
        raise ArtifactError("channels can only be removed from a network that has them all")


def with_channels(network: Network, kept_channels: Mapping[str, Sequence[int]]) -> Network:
    """A smaller copy of a whole network: only the named channels of each group, in every layer and norm.

    Args:
        network: a network with all its channels.
        kept_channels: the channels that stay, by group, ascending; a group not named keeps all.

    Raises:
        ArtifactError: the network has lost channels already, a group would lose all, or a grouped convolution some.
    """
    require_whole(network)
    for group, channels in kept_channels.items():
        if not channels:
            raise ArtifactError(f"{group} would lose all its filters; lower the sparsity")
    kept = {group: tuple(channels) for group, channels in kept_channels.items()}
    smaller = type(network)(network.architecture.model_copy(update={"kept_channels": kept}))
    state, shapes = network.state_dict(), smaller.weights()
    matrices, places = network.matrices(), smaller.placements()
    for layer in network.layers:
        written = torch.tensor(smaller.kept_channels[layer.writes])
        weight = weight_of(places[layer.name].extract(matrices[layer.name]), shapes[layer.name].shape)
        state[f"{layer.module}.weight"] = weight
        for name, value in state.items():  # the bias and what the norm holds, but for its count of batches
            of_layer = name == f"{layer.module}.bias" or name.rpartition(".")[0] == layer.norm
            if of_layer and value.dim():
                state[name] = value[written.to(value.device)]
    smaller.load_state_dict(state)
    return smaller.to(next(network.parameters()).device)


def folded(network: nn.Module) -> nn.Module:
    """A copy of a network for inference whose convolutions do what the batch norms after them did.

    A network that does not describe its layers (``Network``) is returned as it is.
    """
    if not isinstance(network, Network):
        return network
    network = copy.deepcopy(network).eval()
    for layer in network.layers:
        convolution = network.get_submodule(layer.module)
        norm = network.get_submodule(layer.norm) if layer.norm else None
        if layer.norm and isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            network.set_submodule(layer.module, fuse_conv_bn_eval(convolution, norm))
            network.set_submodule(layer.norm, nn.Identity())
    return network
