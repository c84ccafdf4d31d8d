"""A checkpoint and a dataset to spoil, what they consist of, and how they are read."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.experiments import checkpoints
from xbarpaper.experiments.checkpoints import Checkpoint, Metadata, largest_weights
from xbarpaper.networks import Architecture, build
from xbarpaper.params import Shapes10
from xbarpaper.pruning import unpruned

from .survival import Case

PARAMETERS = {"train.epochs": 3, "train.learning_rate": 0.1}
CHECKPOINT, DATASET = "xbarpaper-checkpoint-1", "dataset"

Header = dict[str, Any]


@cache
def images() -> ImageSet:
    """A dataset of twenty images for each split."""
    settings = Shapes10(kind="shapes10", train_images=20, test_images=20, noise_sigma=0.05, seed=1)
    return data.prepare("tiny", settings)


@cache
def good(kind: str) -> bytes:
    """The bytes of a checkpoint or a dataset as the library saves it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "good"
        if kind == DATASET:
            return data.save(images(), path).read_bytes()
        network = build(Architecture(network="vgg11", width=0.03, classes=10), 0)
        pruned = unpruned(network.eval())
        metadata = Metadata(
            architecture=network.architecture, scheme="unpruned", sparsity=0.0, crossbar_size=None,
            parameters=PARAMETERS, seed=0, dataset=images().description, dataset_digest=images().digest,
            classes=images().classes, software_accuracy=12.5, w_max=largest_weights(pruned), versions={},
        )  # fmt: skip
        return checkpoints.save(path, Checkpoint(pruned, metadata)).read_bytes()


def read_checkpoint(folder: Path) -> None:
    """Load a checkpoint; what was accepted must compute finite answers and be masked as it says."""
    loaded = checkpoints.load(folder / "file.safetensors", PARAMETERS, images())
    with torch.no_grad():
        answers = loaded.pruned.network(data.normalised(images().test, images(), "cpu"))
    assert torch.isfinite(answers).all()
    assert answers.shape == (20, 10)
    assert all(mask.dtype is torch.bool for mask in loaded.pruned.masks.values())
    assert set(loaded.metadata.w_max) == set(loaded.pruned.network.weights())
    assert all(0 <= value < float("inf") for value in loaded.metadata.w_max.values())


def read_dataset(folder: Path) -> None:
    """Load a dataset; what was accepted must be the very one that was saved."""
    loaded = data.load(folder / "file.safetensors")
    assert loaded.digest == images().digest
    assert loaded.name
    assert torch.equal(loaded.train.pixels, images().train.pixels)


READ = {CHECKPOINT: read_checkpoint, DATASET: read_dataset}


def case(kind: str, name: str, content: bytes, outcome: Any = "refused") -> Case:
    shown = kind.split("-")[-2] if kind == CHECKPOINT else kind
    return Case(
        f"{shown}: {name}",
        lambda folder: (folder / "file.safetensors").write_bytes(content),
        READ[kind],
        outcome,
        "file.safetensors: ",
    )


def taken_apart(content: bytes) -> tuple[Header, bytes]:
    """Header and tensors of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: Header | bytes, tensors: bytes) -> bytes:
    """The file again."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def described_as(kind: str, change: Callable[[Header], object]) -> bytes:
    """A file that says other things of itself; for a dataset with a checksum that fits."""
    header, tensors = taken_apart(good(kind))
    metadata = json.loads(header["__metadata__"][kind])
    change(metadata)
    if kind == DATASET and isinstance(metadata, dict) and "checksum" in metadata:
        metadata.pop("checksum")
        metadata["checksum"] = data.images._checksum(metadata)
    text = json.dumps(metadata)
    return joined(header | {"__metadata__": {kind: text}}, tensors)
