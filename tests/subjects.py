"""Tiny networks, pruned and on crossbars, and experiments whose networks are trained: what many tests begin with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from repository import tiny_profile
from torch import Tensor

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.experiments import pruned, trained, trained_on
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.hardware.mapped import Arrangement, MappedNetwork, map_network
from xbarpaper.mitigation import WCT
from xbarpaper.networks import Network
from xbarpaper.params import Params, SchemeName
from xbarpaper.pruning import SCHEMES, PrunedNetwork, compaction_of, prune, unpruned, weight_quantiles


def pruned_by(network: Network, scheme: SchemeName, size: int = 8, sparsity: float = 0.6) -> PrunedNetwork:
    if scheme == "unpruned":
        return unpruned(network)
    return prune(network, SCHEMES[scheme], tiny_profile().prune, sparsity, size)


def mapped(
    network: PrunedNetwork, scheme: SchemeName, size: int = 8, arrangement: Arrangement | None = None
) -> MappedNetwork:
    """On crossbars whose range is that of the largest weight of each layer."""
    return map_network(network, compaction_of(scheme), size, weight_quantiles(network, 1.0), arrangement)


def of_one_size(size: int) -> dict[str, dict[str, Any]]:
    """Changes of the tiny profile that leave it one crossbar size."""
    sections = {name: {"crossbar_size": size} for name in ("sensitivity", "effects", "search", "acdc")}
    return {"mapping": {"crossbar_sizes": (size,)}, **sections}


def bits(network: Network) -> dict[str, Tensor]:
    """Every number of a network as it is now."""
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Calls:
    """Counts calls of a function on their way through; interrupts at one of them."""

    def __init__(
        self, patch: pytest.MonkeyPatch, module: object, name: str, fail_at: int | None = None
    ) -> None:
        self.count, self.fail_at, self.function = 0, fail_at, getattr(module, name)
        patch.setattr(module, name, self)

    def __call__(self, *arguments: object) -> object:
        self.count += 1
        if self.count == self.fail_at:
            raise KeyboardInterrupt
        return self.function(*arguments)


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """So many threads of torch within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def unpruned_in(folder: Path, params: Params, images: ImageSet) -> Experiment:
    """The tiny experiment in a folder, its network trained."""
    with contextlib.chdir(folder):
        data.save(images, Path("data/datasets/tiny.safetensors"))
        work = Experiment("tiny-vgg11", params)
        trained.train(work)
        return work


def trained_in(folder: Path, params: Params, images: ImageSet, constrained: bool = True) -> Experiment:
    """The tiny experiment in a folder, its networks trained, pruned and, if asked for, constrained."""
    work = unpruned_in(folder, params, images)
    with contextlib.chdir(folder):
        for scheme in ("cf", "xcs", "xrs"):
            pruned.prune(work, scheme, params.mapping.crossbar_sizes)
        if constrained:
            trained_on.train_all(work, WCT)
        return work
