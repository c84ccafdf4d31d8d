"""Checkpoints: back to the last bit, and refused with one line wherever they do not fit."""

from __future__ import annotations

import json
import resource
import signal
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import MakeNetwork, MakeParams
from safetensors import safe_open
from safetensors.torch import save_file

from xbarpaper.data import Images, ImageSet
from xbarpaper.experiments import checkpoints
from xbarpaper.experiments.checkpoints import Checkpoint, Metadata, largest_weights
from xbarpaper.networks import Network
from xbarpaper.params import SCHEMES, SchemeName
from xbarpaper.pruning import SCHEMES as PRUNING
from xbarpaper.pruning import prune, unpruned
from xbarpaper.support.errors import ArtifactError, CheckpointError

HEADER = "xbarpaper-checkpoint-1"
PARAMETERS = {
    "train.epochs": 3,
    "train.learning_rate": 0.1,
    "train.flip": True,
    "experiments.x.network": "vgg11",
}

MakeCheckpoint = Callable[..., Checkpoint]


@pytest.fixture
def make_checkpoint(
    make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet
) -> MakeCheckpoint:
    def make(scheme: SchemeName = "unpruned", seed: int = 0) -> Checkpoint:
        network = make_network(seed=seed)
        settings = make_params().prune
        pruned = (
            unpruned(network) if scheme == "unpruned" else prune(network, PRUNING[scheme], settings, 0.5, 8)
        )
        metadata = Metadata(
            architecture=pruned.network.architecture,
            scheme=scheme,
            sparsity=0.0 if scheme == "unpruned" else 0.5,
            crossbar_size=8 if scheme in ("xcs", "xrs") else None,
            parameters=PARAMETERS,
            seed=seed,
            dataset=tiny_images.description,
            dataset_digest=tiny_images.digest,
            classes=tiny_images.classes,
            software_accuracy=81.25,
            w_max=largest_weights(pruned),
            versions=checkpoints.versions(),
        )
        return Checkpoint(pruned, metadata)

    return make


@pytest.fixture
def saved(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> Path:
    return checkpoints.save(tmp_path / "folder" / "network.safetensors", make_checkpoint())


def rewrite(path: Path, change: Callable[[dict[str, torch.Tensor], dict[str, str]], None]) -> None:
    """Change tensors and header of a checkpoint, in place."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = dict(file.metadata())
    change(tensors, header)
    save_file(tensors, path, metadata=header)


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
):
    written = make_checkpoint(scheme)
    path = checkpoints.save(tmp_path / "a" / "b.safetensors", written)
    read = checkpoints.load(path, PARAMETERS, tiny_images)
    assert len(read.metadata.tensors_digest) == 64
    assert read.metadata.model_copy(update={"tensors_digest": ""}) == written.metadata
    before, after = written.pruned.network.state_dict(), read.pruned.network.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert list(read.pruned.masks) == list(written.pruned.masks)
    assert all(torch.equal(read.pruned.masks[name], mask) for name, mask in written.pruned.masks.items())
    assert not read.pruned.network.training
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(read.pruned.network(images), written.pruned.network.eval()(images))


def test_equal_checkpoints_are_equal_bytes(make_checkpoint: MakeCheckpoint, saved: Path, tmp_path: Path):
    for number in range(8):  # safetensors writes several metadata in any order
        assert checkpoints.save(tmp_path / f"{number}", make_checkpoint()).read_bytes() == saved.read_bytes()


def test_the_file_is_safetensors_with_readable_metadata(saved: Path):
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


def test_largest_weights_by_hand(make_network: MakeNetwork):
    network = make_network()
    with torch.no_grad():
        network.weights()["conv2"][0, 0, 0, 0] = -17.0
    found = largest_weights(unpruned(network))
    assert found["conv2"] == 17.0
    assert found["conv3"] == float(network.weights()["conv3"].detach().numpy().__abs__().max())


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("train.epochs", 4, "was made with train.epochs = 3, the parameters in force say 4"),
        ("train.flip", False, "train.flip = True"),
        (
            "experiments.x.network",
            "vgg16",
            "experiments.x.network = vgg11, the parameters in force say vgg16",
        ),
        ("wct.epochs", 1, "wct.epochs = None"),
    ],
)
def test_other_parameters_are_refused(
    saved: Path, tiny_images: ImageSet, name: str, value: object, shown: str
):
    assert shown in refused(saved, tiny_images, PARAMETERS | {name: value})


def test_other_data_are_refused(saved: Path, tiny_images: ImageSet):
    other = ImageSet.of("x", "y", tiny_images.classes, tiny_images.test, tiny_images.train)
    message = refused(saved, other)
    assert "other data" in message
    assert other.digest[:12] in message
    assert tiny_images.digest[:12] in message


def test_another_number_of_classes_is_refused(saved: Path, tiny_images: ImageSet):
    chosen = Images(tiny_images.test.pixels[:2], torch.tensor([0, 1]))
    two = ImageSet.of("pair", "y", ("one", "other"), chosen, chosen)
    assert "has 10 classes, the dataset pair has 2" in refused(saved, two)


def test_a_missing_checkpoint_is_refused(tmp_path: Path, tiny_images: ImageSet):
    assert "no such checkpoint" in refused(tmp_path / "none.safetensors", tiny_images)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_checkpoint_is_refused(saved: Path, tiny_images: ImageSet, keep: int):
    saved.write_bytes(saved.read_bytes()[:keep])
    assert "damaged checkpoint" in refused(saved, tiny_images)


@pytest.mark.parametrize("content", [b"{}", b"\x80\x04K\x01.", b"x" * 5000, b"PK\x03\x04" + b"\0" * 100])
def test_another_kind_of_file_is_refused(saved: Path, tiny_images: ImageSet, content: bytes):
    saved.write_bytes(content)
    assert "damaged checkpoint" in refused(saved, tiny_images)


def test_a_folder_is_refused(tmp_path: Path, tiny_images: ImageSet):
    refused(tmp_path, tiny_images)


def test_a_file_of_another_purpose_is_refused(tmp_path: Path, tiny_images: ImageSet):
    path = tmp_path / "x.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    assert "not a checkpoint of this artifact" in refused(path, tiny_images)


@pytest.mark.parametrize("place", [3, 9, 40])
def test_a_flipped_byte_in_the_head_is_refused(saved: Path, tiny_images: ImageSet, place: int):
    content = bytearray(saved.read_bytes())
    content[place] ^= 0xFF
    saved.write_bytes(bytes(content))
    refused(saved, tiny_images)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["classifier.weight", "blocks.2.normalisation.running_var"])
def test_weights_that_are_not_finite_are_refused(saved: Path, tiny_images: ImageSet, name: str, value: float):
    def change(tensors: dict[str, torch.Tensor], header: dict[str, str]) -> None:
        tensors[f"network.{name}"].view(-1)[0] = value

    rewrite(saved, change)
    assert "not finite" in refused(saved, tiny_images)


def test_metadata_that_are_incomplete_are_refused(saved: Path, tiny_images: ImageSet):
    def change(tensors: dict[str, torch.Tensor], header: dict[str, str]) -> None:
        described = json.loads(header[HEADER])
        del described["w_max"]
        header[HEADER] = json.dumps(described)

    rewrite(saved, change)
    assert "damaged checkpoint" in refused(saved, tiny_images)


def _lose_a_weight(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["network.blocks.1.convolution.weight"]


def _add_a_weight(tensors: dict[str, torch.Tensor]) -> None:
    tensors["network.blocks.99.convolution.weight"] = torch.zeros(2, 2)


def _widen_a_weight(tensors: dict[str, torch.Tensor]) -> None:
    tensors["network.classifier.bias"] = torch.zeros(11)


def _lose_a_mask(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["mask.conv3"]


def _turn_a_mask(tensors: dict[str, torch.Tensor]) -> None:
    tensors["mask.conv3"] = tensors["mask.conv3"].T.contiguous()


@pytest.mark.parametrize(
    ("damage", "shown"),
    [
        (_lose_a_weight, "weight blocks.1.convolution.weight is missing"),
        (_add_a_weight, "weight blocks.99.convolution.weight is (2, 2), expected nothing of that name"),
        (_widen_a_weight, "weight classifier.bias is (11,), expected (10,)"),
        (_lose_a_mask, "mask conv3 is missing"),
        (_turn_a_mask, "mask conv3 is"),
    ],
)
def test_another_architecture_is_refused(
    saved: Path, tiny_images: ImageSet, damage: Callable[[dict[str, torch.Tensor]], None], shown: str
):
    rewrite(saved, lambda tensors, header: damage(tensors))
    message = refused(saved, tiny_images)
    assert "of another architecture" in message
    assert shown in message


def test_a_save_that_fails_leaves_the_old_file(
    saved: Path, make_checkpoint: MakeCheckpoint, tiny_images: ImageSet, monkeypatch: pytest.MonkeyPatch
):
    before = saved.read_bytes()

    def half(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", half)
    with pytest.raises(ArtifactError, match=r"cannot be written: No space left on device$"):
        checkpoints.save(saved, make_checkpoint(seed=5))
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]


def test_a_new_save_replaces_the_old_one(saved: Path, make_checkpoint: MakeCheckpoint, tiny_images: ImageSet):
    other = make_checkpoint(seed=5)
    checkpoints.save(saved, other)
    read: Network = checkpoints.load(saved, PARAMETERS, tiny_images).pruned.network
    assert torch.equal(read.classifier.weight, other.pruned.network.classifier.weight)


def test_a_flipped_bit_in_a_weight_is_refused(saved, tiny_images):
    content = bytearray(saved.read_bytes())
    content[-7] ^= 0x10
    saved.write_bytes(bytes(content))
    refused(saved, tiny_images)


def test_a_full_disk_is_one_line(make_checkpoint, tmp_path):
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
    try:
        with pytest.raises(ArtifactError, match="cannot be written"):
            checkpoints.save(tmp_path / "x.safetensors", make_checkpoint())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
