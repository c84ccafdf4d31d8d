"""Checkpoints: back to the last bit, and refused with one line wherever they do not fit."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MakeNetwork
from safetensors import safe_open
from safetensors.torch import save_file
from subjects import pruned_by, same

from xbarpaper.data import Images, ImageSet
from xbarpaper.experiments import checkpoints
from xbarpaper.experiments.checkpoints import Checkpoint, Metadata
from xbarpaper.params import SCHEMES, SchemeName
from xbarpaper.support.errors import CheckpointError

HEADER = "xbarpaper-checkpoint-2"
PARAMETERS = {
    "train.epochs": 3, "train.learning_rate": 0.1, "train.flip": True, "experiments.x.network": "vgg11",
}  # fmt: skip

MakeCheckpoint = Callable[..., Checkpoint]


@pytest.fixture
def make_checkpoint(make_network: MakeNetwork, tiny_images: ImageSet) -> MakeCheckpoint:
    def make(scheme: SchemeName = "unpruned", seed: int = 0) -> Checkpoint:
        pruned = pruned_by(make_network(seed=seed), scheme, 8, 0.5)
        metadata = Metadata(
            architecture=pruned.network.architecture, scheme=scheme,
            sparsity=0.0 if scheme == "unpruned" else 0.5,
            crossbar_size=8 if scheme in ("xcs", "xrs") else None, parameters=PARAMETERS, seed=seed,
            dataset=tiny_images.description, dataset_digest=tiny_images.digest, classes=tiny_images.classes,
            software_accuracy=81.25, versions=checkpoints.versions(),
        )  # fmt: skip
        return Checkpoint(pruned, metadata)

    return make


@pytest.fixture
def saved(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> Path:
    return checkpoints.save(tmp_path / "folder" / "network.safetensors", make_checkpoint())


def refused(path: Path, images: ImageSet, parameters: dict[str, object] | None = None) -> str:
    """The one line with which a checkpoint is refused."""
    with pytest.raises(CheckpointError) as caught:
        checkpoints.load(path, PARAMETERS if parameters is None else parameters, images)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_checkpoint_comes_back_to_the_last_bit(
    make_checkpoint: MakeCheckpoint, tiny_images: ImageSet, tmp_path: Path, scheme: SchemeName
) -> None:
    written = make_checkpoint(scheme)
    path = checkpoints.save(tmp_path / "a" / "b.safetensors", written)
    read = checkpoints.load(path, PARAMETERS, tiny_images)
    assert len(read.metadata.tensors_digest) == 64
    assert read.metadata.model_copy(update={"tensors_digest": ""}) == written.metadata
    assert same(read.pruned.network.state_dict(), written.pruned.network.state_dict())
    assert list(read.pruned.masks) == list(written.pruned.masks)
    assert same(read.pruned.masks, written.pruned.masks)
    assert not read.pruned.network.training
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(read.pruned.network(images), written.pruned.network.eval()(images))


def test_equal_checkpoints_are_equal_bytes(
    make_checkpoint: MakeCheckpoint, saved: Path, tmp_path: Path
) -> None:
    for number in range(8):  # safetensors writes several metadata in any order
        assert checkpoints.save(tmp_path / f"{number}", make_checkpoint()).read_bytes() == saved.read_bytes()


def test_the_file_is_safetensors_with_readable_metadata(saved: Path) -> None:
    """Eight bytes of length, then JSON: nothing that loading could execute."""
    content = saved.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    described = json.loads(header["__metadata__"][HEADER])
    assert described["parameters"] == PARAMETERS
    assert described["architecture"]["network"] == "vgg11"
    assert {"torch", "python", "xbarpaper", "hardware"} <= set(described["versions"])
    end = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
    assert 8 + length + end == len(content)


OTHER_PARAMETERS = {
    "train.epochs": (4, "was made with train.epochs = 3, the parameters in force say 4"),
    "train.flip": (False, "train.flip = True"),
    "experiments.x.network": ("vgg16", "experiments.x.network = vgg11, the parameters in force say vgg16"),
    "wct.epochs": (1, "wct.epochs = None"),
}


@pytest.mark.parametrize("name", OTHER_PARAMETERS)
def test_other_parameters_are_refused(saved: Path, tiny_images: ImageSet, name: str) -> None:
    value, shown = OTHER_PARAMETERS[name]
    assert shown in refused(saved, tiny_images, PARAMETERS | {name: value})


def test_other_images_are_refused(saved: Path, tiny_images: ImageSet) -> None:
    other = ImageSet.of("x", "y", tiny_images.classes, tiny_images.test, tiny_images.train)
    message = refused(saved, other)
    assert "other data" in message
    assert other.digest[:12] in message
    assert tiny_images.digest[:12] in message
    chosen = Images(tiny_images.test.pixels[:2], torch.tensor([0, 1]))
    two = ImageSet.of("pair", "y", ("one", "other"), chosen, chosen)
    assert "has 10 classes, the dataset pair has 2" in refused(saved, two)


def kept(count: int) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(path.read_bytes()[:count])


def holding(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def flipped(place: int, bits: int = 0xFF) -> Callable[[Path], object]:
    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[place] ^= bits
        path.write_bytes(bytes(content))

    return flip


def rewritten(
    change: Callable[[dict[str, torch.Tensor], dict[str, Any]], object],
) -> Callable[[Path], object]:
    """Changes tensors and what the header says, with no damage to the file."""

    def rewrite(path: Path) -> None:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            described = json.loads(file.metadata()[HEADER])
        change(tensors, described)
        save_file(tensors, path, metadata={HEADER: json.dumps(described)})

    return rewrite


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


FOREIGN, WEIGHT = "of another architecture", "network.classifier.weight"
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "no such checkpoint"),
    "folder": (folder, ""),
    "empty": (kept(0), "damaged checkpoint"),
    "cut in the length": (kept(5), "damaged checkpoint"),
    "cut in the head": (kept(100), "damaged checkpoint"),
    "cut at the end": (kept(-1), "damaged checkpoint"),
    "JSON": (holding(b"{}"), "damaged checkpoint"),
    "pickle": (holding(b"\x80\x04K\x01."), "damaged checkpoint"),
    "text": (holding(b"x" * 5000), "damaged checkpoint"),
    "zip": (holding(b"PK\x03\x04" + b"\0" * 100), "damaged checkpoint"),
    "byte of the length": (flipped(3), ""),
    "byte of the head": (flipped(9), ""),
    "byte of the metadata": (flipped(40), ""),
    "bit of a weight": (flipped(-7, 0x10), ""),
    "another purpose": (
        lambda path: save_file({"x": torch.zeros(1)}, path), "not a checkpoint of this artifact",
    ),
    "metadata left out": (rewritten(lambda _, described: described.pop("seed")), "damaged checkpoint"),
    "no number": (rewritten(lambda tensors, _: tensors[WEIGHT].view(-1)[:1].fill_(float("nan"))), "not finite"),
    "infinite variance": (
        rewritten(lambda tensors, _: tensors["network.blocks.2.normalisation.running_var"][:1].fill_(float("inf"))),
        "not finite",
    ),
    "weight missing": (
        rewritten(lambda tensors, _: tensors.pop("network.blocks.1.convolution.weight")),
        f"{FOREIGN}.*weight blocks.1.convolution.weight is missing",
    ),
    "weight too many": (
        rewritten(lambda tensors, _: tensors.update({"network.blocks.99.convolution.weight": torch.zeros(2, 2)})),
        rf"{FOREIGN}.*weight blocks.99.convolution.weight is \(2, 2\), expected nothing of that name",
    ),
    "weight too wide": (
        rewritten(lambda tensors, _: tensors.update({"network.classifier.bias": torch.zeros(11)})),
        rf"{FOREIGN}.*weight classifier.bias is \(11,\), expected \(10,\)",
    ),
    "mask missing": (
        rewritten(lambda tensors, _: tensors.pop("mask.conv3")), f"{FOREIGN}.*mask conv3 is missing",
    ),
    "mask turned": (
        rewritten(lambda tensors, _: tensors.update({"mask.conv3": tensors["mask.conv3"].T.contiguous()})),
        f"{FOREIGN}.*mask conv3 is",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_checkpoint_is_refused(saved: Path, tiny_images: ImageSet, case: str) -> None:
    damage, shown = BAD[case]
    damage(saved)
    assert re.search(shown, refused(saved, tiny_images))
