"""A dataset in memory, and as one file on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from xbarpaper.data import sources
from xbarpaper.params import Dataset, ImageFolder
from xbarpaper.support.errors import DatasetError
from xbarpaper.support.files import atomic
from xbarpaper.support.validation import Section

IMAGE_SHAPE = (3, 32, 32)
Channels = tuple[float, float, float]

_FORMAT: Final = "xbarpaper dataset 1"
_TENSORS = ("train.pixels", "train.labels", "test.pixels", "test.labels")


@dataclass(frozen=True)
class Images:
    """Labelled images."""

    pixels: Tensor  # red, green and blue, 0 to 255, uint8, shape (n, 3, 32, 32)
    labels: Tensor  # positions in the list of classes, int64, shape (n,)

    def __post_init__(self) -> None:
        if self.pixels.dtype != torch.uint8 or tuple(self.pixels.shape[1:]) != IMAGE_SHAPE:
            raise ValueError(f"pixels must be uint8 of shape (n, 3, 32, 32), not {_form(self.pixels)}")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.pixels.shape[:1]:
            raise ValueError(f"labels must be int64 of shape ({len(self.pixels)},), not {_form(self.labels)}")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: Tensor | slice) -> Images:
        """Some of them, by their numbers and in that order."""
        return Images(self.pixels[chosen], self.labels[chosen])


@dataclass(frozen=True)
class ImageSet:
    """A dataset: training and test images of the same classes. ``ImageSet.of`` makes one."""

    name: str  # its entry in the parameters' datasets
    description: str  # what figures and reports call it
    classes: tuple[str, ...]  # names, in the order of the labels
    train: Images  # training images
    test: Images  # test images
    digest: str  # SHA-256 of pixels, labels and class names; identifies the data wherever it is used
    mean: Channels  # of the training images per channel, on the scale 0 to 1
    std: Channels  # standard deviation of the training images per channel, on the scale 0 to 1
    # Identity of the image files that it was prepared from; None where there are none
    source: str | None = None

    @classmethod
    def of(
        cls,
        name: str,
        description: str,
        classes: Sequence[str],
        train: Images,
        test: Images,
        *,
        source: str | None = None,
    ) -> ImageSet:
        """Make a dataset and compute its digest and statistics.

        Raises:
            ValueError: a split is empty, there are fewer than two classes, or a label names none of them.
        """
        classes = tuple(classes)
        if len(classes) < 2:
            raise ValueError(f"{name}: {len(classes)} class; at least 2 are needed")
        for split, images in (("train", train), ("test", test)):
            if not len(images):
                raise ValueError(f"{name}: no images in {split}")
            low, high = int(images.labels.min()), int(images.labels.max())
            if low < 0 or high >= len(classes):
                raise ValueError(
                    f"{name}: labels {low} to {high} in {split} must lie in 0 to {len(classes) - 1}"
                )
        mean, std = channel_statistics(train.pixels)
        digest = _digest(classes, train, test)
        return cls(name, description, classes, train, test, digest, mean, std, source)

    def learning_from(self, chosen: Tensor) -> ImageSet:
        """The same dataset with some of its training images only, by their numbers; images are normalised as before."""
        digest = hashlib.sha256(f"{self.digest} {chosen.tolist()}".encode()).hexdigest()
        return replace(self, train=self.train[chosen], digest=digest)

    def counts(self, split: Images) -> list[int]:
        """Images of each class in one of the splits, in the order of ``classes``."""
        return [int(count) for count in torch.bincount(split.labels, minlength=len(self.classes))]


class _Description(Section):
    """What a file says of itself."""

    format: Literal["xbarpaper dataset 1"]
    name: Annotated[str, Field(min_length=1)]
    description: str
    classes: tuple[str, ...]
    digest: str
    source: str | None = None
    checksum: str


def channel_statistics(pixels: Tensor) -> tuple[Channels, Channels]:
    """Mean and standard deviation of each channel.

    Computed from counts of the 256 values, so the result is exact and does not depend on threads or order.

    Args:
        pixels: uint8, shape (n, 3, height, width).

    Returns:
        Means and standard deviations on the scale 0 to 1. A channel that never varies gets the deviation 1,
        so that dividing by it is safe.
    """
    values = torch.arange(256, dtype=torch.float64) / 255
    means, deviations = [], []
    for channel in range(3):
        counts = torch.zeros(256, dtype=torch.float64)
        for part in torch.split(pixels[:, channel], 4096):
            counts += torch.bincount(part.reshape(-1).int(), minlength=256)
        shares = counts / counts.sum()
        mean = (shares * values).sum()
        deviation = float((shares * (values - mean) ** 2).sum().sqrt())
        means.append(float(mean))
        deviations.append(deviation if deviation > 1e-6 else 1.0)
    return (means[0], means[1], means[2]), (deviations[0], deviations[1], deviations[2])


def save(images: ImageSet, path: Path | str) -> Path:
    """Write a dataset as one safetensors file, always to the same bytes. ``load`` inverts it.

    Raises:
        ArtifactError: the file cannot be written.
    """
    described: dict[str, Any] = {
        "format": _FORMAT,
        "name": images.name,
        "description": images.description,
        "classes": list(images.classes),
        "digest": images.digest,
    }
    if images.source is not None:
        described["source"] = images.source
    tensors = (images.train.pixels, images.train.labels, images.test.pixels, images.test.labels)
    stored = {name: tensor.contiguous() for name, tensor in zip(_TENSORS, tensors, strict=True)}
    # One entry: safetensors does not keep the order of several, and the file's bytes should not vary.
    metadata = {"dataset": json.dumps(described | {"checksum": _checksum(described)}, sort_keys=True)}
    with atomic(path) as temporary:
        save_file(stored, temporary, metadata=metadata)
    return Path(path)


def load(path: Path | str, settings: Dataset | None = None) -> ImageSet:
    """Read a dataset that ``save`` wrote, and check it against its digest.

    Args:
        path: the file.
        settings: the dataset's entry in the parameters. The image files that it names, where they are there, must be
            those that the dataset was prepared from.

    Raises:
        DatasetError: the file is missing, damaged, no dataset of this library, or prepared from other images.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"{path}: no such dataset; the notebook 00_data makes it (dvc repro)")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("dataset", "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, ValueError) as error:
        _refuse(path, str(error), error)
    try:
        described = _Description.model_validate_json(text)
    except ValidationError as error:
        _refuse(path, f"not a file of the format {_FORMAT!r}", error)
    if set(tensors) != set(_TENSORS):
        _refuse(path, f"not a file of the format {_FORMAT!r}")
    if described.checksum != _checksum(
        described.model_dump(mode="json", exclude={"checksum"}, exclude_none=True)
    ):
        _refuse(path, "its description does not match its checksum")
    try:
        train, test = (
            Images(tensors[f"{split}.pixels"], tensors[f"{split}.labels"]) for split in ("train", "test")
        )
        images = ImageSet.of(
            described.name, described.description, described.classes, train, test, source=described.source
        )
    except ValueError as error:
        _refuse(path, str(error), error)
    if images.digest != described.digest:
        _refuse(path, f"its digest is {images.digest[:12]}..., written was {described.digest[:12]}...")
    if isinstance(settings, ImageFolder):
        _compare(path, sources.located(settings), images.source)
    return images


def record_beside(path: Path) -> Path:
    """Where the identity of the image files of a prepared dataset is kept (``sources.identity``)."""
    return path.with_suffix(".source")


def source_in(path: Path) -> str | None:
    """The identity of the image files that a dataset was prepared from, as its file says; None where it cannot."""
    try:
        with safe_open(path, framework="pt") as file:
            return _Description.model_validate_json((file.metadata() or {}).get("dataset", "")).source
    except (SafetensorError, OSError, ValueError):
        return None


def _compare(path: Path, source: Path, prepared: str | None) -> None:
    """Refuse a dataset if the image files that lie at its source now are not those that it was prepared from."""
    if source.exists() and sources.identity(source, record_beside(path)) != prepared:
        raise DatasetError(
            f"{path}: prepared from other images (source {source}); `dvc repro data@{path.stem}` prepares these"
        )


def _refuse(path: Path, why: str, cause: Exception | None = None) -> NoReturn:
    line = " ".join(why.split())
    raise DatasetError(
        f"{path}: damaged dataset: {line}; delete it and run 00_data again (dvc repro)"
    ) from cause


def _checksum(described: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _digest(classes: tuple[str, ...], train: Images, test: Images) -> str:
    digest = hashlib.sha256(json.dumps([classes, len(train), len(test)]).encode())
    for images in (train, test):
        for tensor in (images.pixels, images.labels):
            digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
