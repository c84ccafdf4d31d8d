"""Checkpoints: weights and masks as safetensors, with all that is needed to know what they are.

A checkpoint that does not fit the parameters in force is refused: results never come from another network or another
recipe than ``params.yaml`` says.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from xbarpaper import __version__
from xbarpaper.data import ImageSet
from xbarpaper.networks import Architecture, build, outline
from xbarpaper.networks.digests import tensor_digest
from xbarpaper.params import SchemeName
from xbarpaper.pruning import PrunedNetwork
from xbarpaper.support.errors import ArtifactError, CheckpointError
from xbarpaper.support.files import atomic
from xbarpaper.support.validation import Section

_FORMAT = "xbarpaper-checkpoint-2"
_NETWORK, _MASK = "network.", "mask."
_Form = tuple[tuple[int, ...], torch.dtype]


class Metadata(Section):
    """What a checkpoint says of itself.

    ``parameters`` holds, by dotted name, every parameter that the weights depend on. ``tensors_digest`` is of every bit
    of weights and masks; ``save`` fills it in.
    """

    architecture: Architecture
    scheme: SchemeName
    sparsity: float
    crossbar_size: int | None
    parameters: dict[str, Any]
    seed: int
    dataset: str
    dataset_digest: str
    classes: tuple[str, ...]
    software_accuracy: float
    tensors_digest: str = ""
    versions: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """A network on its way between stages, with its masks and metadata."""

    pruned: PrunedNetwork
    metadata: Metadata


def versions(arithmetic: torch.dtype | None = None) -> dict[str, str]:
    """Versions and hardware that results depend on; ``arithmetic`` of forward passes is told with the hardware."""
    processor = f"{platform.machine()} CPU ({_processor()}), threads: {torch.get_num_threads()}"
    hardware = torch.cuda.get_device_name() if torch.cuda.is_available() else processor
    return {
        "xbarpaper": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "hardware": hardware if arithmetic is None else f"{hardware}, {arithmetic}".replace("torch.", ""),
    }


def _processor() -> str:
    """Instructions and maker of the processor: libraries choose by both in which order they add."""
    instructions = torch.backends.cpu.get_cpu_capability()
    if torch.cpu._is_amx_tile_supported():
        instructions += " AMX"
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        told = ""
    maker = re.search(r"^vendor_id\s*: (.*)", told, re.MULTILINE)
    return f"{instructions}, {maker[1]}" if maker else instructions


def save(path: Path | str, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint, atomically; returns the path.

    Raises:
        ArtifactError: the folder cannot be written or the disk is full.
    """
    network = checkpoint.pruned.network.state_dict()
    tensors = {f"{_NETWORK}{name}": value.detach().cpu().contiguous() for name, value in network.items()}
    tensors |= {f"{_MASK}{name}": value.contiguous() for name, value in checkpoint.pruned.masks.items()}
    metadata = checkpoint.metadata.model_dump(mode="json") | {"tensors_digest": _digest(tensors)}
    # One key: safetensors writes several in no fixed order, and equal checkpoints are to be equal bytes.
    header = {_FORMAT: json.dumps(metadata, sort_keys=True)}
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata=header)
    return Path(path)


def load(path: Path | str, parameters: Mapping[str, Any], images: ImageSet) -> Checkpoint:
    """Read a checkpoint and check that it belongs to the parameters and the data in force.

    Args:
        parameters: by dotted name, every parameter that the weights must have been made with.

    Raises:
        CheckpointError: the file is missing, damaged, of another architecture, of other parameters or of other data.
    """
    path = Path(path)
    metadata, tensors = _read(path)
    for name in (*parameters, *sorted(metadata.parameters.keys() - parameters.keys())):
        found, value = metadata.parameters.get(name), parameters.get(name)
        if found != value:
            told = f"was made with {name} = {found}, the parameters in force say {value}; `dvc repro`"
            raise CheckpointError(f"{path}: {told}")
    if metadata.architecture.classes != len(images.classes):
        raise CheckpointError(
            f"{path}: has {metadata.architecture.classes} classes, the dataset {images.name} has {len(images.classes)}"
        )
    if metadata.dataset_digest != images.digest:
        raise CheckpointError(
            f"{path}: was made with other data ({metadata.dataset}, digest {metadata.dataset_digest[:12]}) than is "
            f"prepared now ({images.description}, digest {images.digest[:12]}); `dvc repro`"
        )
    try:  # before any memory is taken for the network: a damaged file may say anything
        wanted, names = _forms(metadata.architecture.model_dump_json())
    except ArtifactError as error:
        raise CheckpointError(f"{path}: damaged: {error}") from None
    _check_forms(path, tensors, wanted)
    kept = {name: value for name, value in tensors.items() if name.startswith(_NETWORK)}
    weights = {name.removeprefix(_NETWORK): value for name, value in kept.items()}
    if any(not torch.isfinite(value).all() for value in weights.values()):
        raise CheckpointError(f"{path}: damaged: weights that are not finite")
    if any((value < 0).any() for name, value in weights.items() if name.endswith("running_var")):
        raise CheckpointError(f"{path}: damaged: a variance below zero")
    if _digest(tensors) != metadata.tensors_digest:
        told = "damaged checkpoint: its weights are not those that were saved; `dvc repro`"
        raise CheckpointError(f"{path}: {told}")
    network = build(metadata.architecture, seed=0)
    network.load_state_dict(weights)
    ordered = {name: tensors[f"{_MASK}{name}"] for name in names}
    return Checkpoint(PrunedNetwork(network.eval(), ordered), metadata)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Of every bit of the tensors, whatever their order in a file."""
    return tensor_digest({name: tensors[name] for name in sorted(tensors)})


def _read(path: Path) -> tuple[Metadata, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if _FORMAT not in header:
                raise CheckpointError(f"{path}: not a checkpoint of this artifact (no metadata {_FORMAT})")
            metadata = Metadata.model_validate_json(header[_FORMAT])
            return metadata, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint; `dvc repro` makes it") from None
    except (SafetensorError, ValidationError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path}: damaged checkpoint: {reason}") from None


@lru_cache
def _forms(architecture: str) -> tuple[Mapping[str, _Form], Sequence[str]]:
    """Shape and type of each tensor of a checkpoint, and the layers' names; the architecture is given as JSON."""
    network = outline(Architecture.model_validate_json(architecture))
    forms = {f"{_NETWORK}{name}": (tuple(v.shape), v.dtype) for name, v in network.state_dict().items()}
    forms |= {
        f"{_MASK}{name}": (place.full_shape, torch.bool) for name, place in network.placements().items()
    }
    return forms, [layer.name for layer in network.layers]


def _check_forms(path: Path, found: Mapping[str, Tensor], expected: Mapping[str, _Form]) -> None:
    for full_name in sorted(expected.keys() | found.keys()):
        kind = "mask" if full_name.startswith(_MASK) else "weight"
        name = full_name.removeprefix(_NETWORK).removeprefix(_MASK)
        tensor = found.get(full_name)
        has = "missing" if tensor is None else tuple(tensor.shape)
        shape, dtype = expected.get(full_name, ("nothing of that name", None))
        if has != shape:
            raise CheckpointError(
                f"{path}: of another architecture: {kind} {name} is {has}, expected {shape}"
            )
        if tensor is not None and tensor.dtype != dtype:
            raise CheckpointError(f"{path}: damaged: {kind} {name} is of {tensor.dtype}, expected {dtype}")
