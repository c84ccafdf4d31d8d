"""The file that a killed training goes on from: tensors, history and what the run was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from xbarpaper.networks.digests import tensor_digest
from xbarpaper.support import progress
from xbarpaper.support.files import atomic

History = list[dict[str, float]]


def keep(path: Path, fingerprint: str, epochs: int, history: History, tensors: Mapping[str, Tensor]) -> None:
    """Write the state after so many whole epochs.

    Args:
        path: the file; it is replaced whole.
        fingerprint: digest of all that the final weights depend on.
    """
    state = {"fingerprint": fingerprint, "epochs": str(epochs), "history": json.dumps(history)}
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with atomic(path) as temporary:
        save_file(whole, temporary, metadata={**state, "digest": _digest(state, whole)})


def restore(path: Path, fingerprint: str) -> tuple[int, History, dict[str, Tensor]]:
    """Read what ``keep`` wrote: whole epochs, history and tensors; (0, [], {}) if there is nothing of this run."""
    nothing: tuple[int, History, dict[str, Tensor]] = (0, [], {})
    if not path.exists():
        return nothing
    try:
        with safe_open(path, framework="pt") as file:
            state = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        progress.note(f"{path}: damaged, starting anew ({error})")
        return nothing
    if state.pop("digest", None) != _digest(state, tensors):
        progress.note(f"{path}: damaged, starting anew (not what was saved)")
        return nothing
    if state.get("fingerprint") != fingerprint:
        progress.note(f"{path}: of another run, starting anew")
        return nothing
    return int(state["epochs"]), json.loads(state["history"]), tensors


def _digest(state: dict[str, str], tensors: dict[str, Tensor]) -> str:
    """SHA-256 of all that the file holds, whatever the order in it."""
    digest = hashlib.sha256(json.dumps(state, sort_keys=True).encode())
    digest.update(tensor_digest({name: tensors[name] for name in sorted(tensors)}).encode())
    return digest.hexdigest()
