"""Crossbars for other simulators: conductances and inputs of a mapped network in one file, units in the names.

What they compute here, ``G_eff`` as plain weights of the network, is ``read_out(...).twin(gain).state_dict()``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from xbarpaper.hardware.effects import DeviceEffect
from xbarpaper.hardware.mapped import MappedNetwork
from xbarpaper.hardware.readout import array_tiles
from xbarpaper.params import Devices, Parasitics
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError

_GLOBAL: Final = {
    "g_min_siemens", "g_max_siemens", "driver_ohm", "row_wire_ohm", "column_wire_ohm", "sense_ohm",
}  # fmt: skip
_EACH: Final = ("conductances_siemens", "rows", "columns", "matrix_shape", "w_max")
_INPUTS: Final = ("inputs_volt", "inputs_per_volt")


@dataclass(frozen=True)
class LayerCrossbars:
    """The crossbars of one layer, as another simulator needs them."""

    # of every device, 0 where a crossbar has none, shape (2, tiles, size, size): the arrays of positive
    # weights, then those of negative ones; rows are inputs
    conductances_siemens: NDArray[np.float64]
    # row of the layer's matrix that drives each crossbar row, -1 for padding, shape (2, tiles, size)
    rows: NDArray[np.int64]
    # column of the matrix to which each crossbar column adds, -1 for padding, shape (2, tiles, size)
    columns: NDArray[np.int64]
    matrix_shape: NDArray[np.int64]  # rows (in * kh * kw) and columns (out) of the matrix
    # weight that g_max - g_min stands for; one for all, or one for each cell of the matrix
    w_max: NDArray[np.float64]
    # on the rows of the matrix, shape (vectors, rows); None where no images were given
    inputs_volt: NDArray[np.float64] | None = None
    # what a volt stands for in the units of the layer's inputs
    inputs_per_volt: NDArray[np.float64] | None = None

    def tile_inputs_volt(self) -> NDArray[np.float64]:
        """Voltages on the rows of each crossbar, 0 on padding, shape (2, tiles, vectors, size)."""
        assert self.inputs_volt is not None
        return np.where(self.rows >= 0, self.inputs_volt[:, self.rows.clip(0)], 0.0).transpose(1, 2, 0, 3)

    def matrix(self, tiles_siemens: NDArray[np.float64], span_siemens: float) -> NDArray[np.float64]:
        """The weights that conductances stand for: the devices', or effective ones that a simulator gives.

        Args:
            tiles_siemens: shape of ``conductances_siemens``.
            span_siemens: g_max - g_min.
        """
        summed = np.zeros(tuple(self.matrix_shape))
        for sign, tiles, rows, columns in zip((1, -1), tiles_siemens, self.rows, self.columns, strict=True):
            there = (rows >= 0)[:, :, None] & (columns >= 0)[:, None, :]
            at = np.broadcast_arrays(rows[:, :, None], columns[:, None, :])
            summed[at[0][there], at[1][there]] += sign * tiles[there]
        return np.asarray(summed * self.w_max / span_siemens)


@dataclass(frozen=True)
class Crossbars:
    """The crossbars of a network: layers by name, the range of the devices, and the resistances around them."""

    layers: dict[str, LayerCrossbars]
    g_min_siemens: float
    g_max_siemens: float
    parasitics: Parasitics


def write_crossbars(
    path: Path | str,
    mapped: MappedNetwork,
    devices: Devices,
    effects: Sequence[DeviceEffect],
    parasitics: Parasitics,
    images: Tensor | None = None,
    *,
    full_volt: float = 0.2,
    vectors: int = 64,
) -> Path:
    """Write the crossbars of a network as an ``npz`` file; ``read_crossbars`` reads it, and so does ``numpy.load``.

    Args:
        images: batch of inputs of the network; from them come inputs of every layer, as ideal layers give them.
        full_volt: voltage of a layer's largest input.
        vectors: inputs of each layer at most, evenly spread over images and output pixels.

    Raises:
        ValueError: ``full_volt`` or ``vectors`` is not positive.
    """
    if full_volt <= 0 or vectors < 1:
        raise ValueError(f"full_volt = {full_volt:g} and vectors = {vectors} must be positive")
    arrays: dict[str, Any] = {
        "g_min_siemens": devices.g_min_siemens, "g_max_siemens": devices.g_max_siemens, **parasitics.model_dump(),
    }  # fmt: skip
    inputs = {} if images is None else _inputs(mapped, images, vectors)
    for layer in mapped.layers:
        pair = layer.programmed(devices)
        for effect in effects:
            pair = effect.disturb(pair, layer.name)
        maps = (layer.tiles, layer.minus_tiles or layer.tiles)
        values: dict[str, Any] = {
            "conductances_siemens": array_tiles(layer, pair).double(),
            "rows": torch.stack([one.rows for one in maps]),
            "columns": torch.stack([one.columns for one in maps]),
            "matrix_shape": torch.tensor(layer.tiles.shape),
            "w_max": torch.as_tensor(layer.w_max, dtype=torch.float64),
        }
        if layer.name in inputs:
            own = inputs[layer.name]
            unit = max(float(own.abs().max()), torch.finfo(torch.float32).tiny) / full_volt
            values |= {"inputs_volt": own / unit, "inputs_per_volt": torch.tensor(unit).double()}
        arrays |= {f"{layer.name}/{name}": value.numpy() for name, value in values.items()}
    with files.atomic(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return Path(path)


def read_crossbars(path: Path | str) -> Crossbars:
    """Read and check what ``write_crossbars`` wrote.

    Raises:
        ArtifactError: the file is missing or damaged, lacks an array, or holds conductances that are negative or not
            finite, or arrays whose shapes do not fit.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path}: no readable npz file of crossbars ({type(error).__name__})") from error
    names = list(dict.fromkeys(name.rpartition("/")[0] for name in arrays if "/" in name))
    needed = [*_GLOBAL, *(f"{name}/{one}" for name in names for one in _EACH)]
    if missing := sorted(set(needed) - arrays.keys()):
        raise ArtifactError(f"{path}: no array {missing[0]}")
    layers = {}
    for name in names:
        found = {one: arrays.get(f"{name}/{one}") for one in (*_EACH, *_INPUTS)}
        layer = LayerCrossbars(**found)  # type: ignore[arg-type]
        if problem := _problem(layer):
            raise ArtifactError(f"{path}: {name}: {problem}")
        layers[name] = layer
    resistances = {name: float(arrays[name]) for name in _GLOBAL if name.endswith("_ohm")}
    ends = float(arrays["g_min_siemens"]), float(arrays["g_max_siemens"])
    if wrong := [name for name, ohm in resistances.items() if not 0 <= ohm < np.inf]:
        raise ArtifactError(f"{path}: {wrong[0]} = {resistances[wrong[0]]:g} must be finite and not negative")
    return Crossbars(layers, *ends, Parasitics(**resistances))


def _problem(layer: LayerCrossbars) -> str:
    """What is wrong with a layer, empty if nothing."""
    G, places = layer.conductances_siemens, layer.conductances_siemens.shape[:3]
    if G.ndim != 4 or G.shape[0] != 2 or G.shape[2] != G.shape[3]:
        return f"conductances_siemens of shape {G.shape} must be (2, tiles, size, size)"
    if not (np.isfinite(G).all() and (G >= 0).all()):
        return "conductances_siemens must be finite and not negative"
    if layer.matrix_shape.shape != (2,):
        return f"matrix_shape of shape {layer.matrix_shape.shape} must be (2,)"
    for axis, name in enumerate(("rows", "columns")):
        at = getattr(layer, name)
        fits = at.shape == places and at.dtype.kind == "i"
        if not fits or not ((at >= -1) & (at < layer.matrix_shape[axis])).all():
            return f"{name} must be whole numbers from -1 to {layer.matrix_shape[axis] - 1}, shape {places}"
    if layer.inputs_volt is not None and layer.inputs_volt.shape[1:] != (layer.matrix_shape[0],):
        return f"inputs_volt of shape {layer.inputs_volt.shape} must be (vectors, {layer.matrix_shape[0]})"
    return ""


@torch.no_grad()
def _inputs(mapped: MappedNetwork, images: Tensor, vectors: int) -> dict[str, Tensor]:
    """Inputs of every layer on the rows of its matrix, shape (vectors, rows) each."""
    network, found = mapped.network, {}
    seen: dict[str, Tensor] = {}
    modules = {layer.name: network.get_submodule(layer.module) for layer in mapped.layers}
    hooks = [
        module.register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given[0]}))
        for name, module in modules.items()
    ]
    trained = network.training
    try:
        network.eval()(images)
    finally:
        network.train(trained)
        for hook in hooks:
            hook.remove()
    for layer in mapped.layers:
        own = _as_rows(modules[layer.name], seen[layer.name])
        own = own[torch.linspace(0, len(own) - 1, min(vectors, len(own))).round().long()].double().cpu()
        found[layer.name] = own.new_zeros(len(own), layer.placement.full_shape[0])
        found[layer.name][:, layer.placement.rows.flatten()] = own
    return found


def _as_rows(module: nn.Module, features: Tensor) -> Tensor:
    """What the columns of a layer's matrix are multiplied with, shape (vectors, rows of its own matrix)."""
    if not isinstance(module, nn.Conv2d):
        return features.flatten(0, -2)
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    padded = nn.functional.pad(features, module._reversed_padding_repeated_twice, mode)
    unfolded = nn.functional.unfold(padded, module.kernel_size, module.dilation, 0, module.stride)
    return unfolded.transpose(1, 2).flatten(0, 1)
