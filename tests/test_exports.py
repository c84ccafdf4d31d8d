"""Crossbars in a file for other simulators: what is read back, its units, and what a damaged file says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from xbarpaper.hardware import (
    Devices,
    MappedNetwork,
    Parasitics,
    Variation,
    map_module,
    read_crossbars,
    read_out,
    write_crossbars,
)
from xbarpaper.hardware.circuit import effective_conductance
from xbarpaper.hardware.tiles import TileMap
from xbarpaper.support.errors import ArtifactError

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "simulators.md").read_text(encoding="utf-8")
DEVICES = Devices()
EFFECTS = [Variation(0.1, 3)]
SPAN = DEVICES.g_max_siemens - DEVICES.g_min_siemens


def network() -> nn.Sequential:
    torch.manual_seed(0)
    first = nn.Conv2d(3, 6, 3, padding="same", padding_mode="circular")
    second = nn.Conv2d(6, 4, 3, stride=2, groups=2, dilation=2)
    return nn.Sequential(first, nn.ReLU(), second, nn.Flatten(), nn.Linear(36, 5))


def mapped() -> MappedNetwork:
    """The network, with the columns of the negative arrays of one layer in another order."""
    found = map_module(network(), 8)
    first, *others = found.layers
    turned = TileMap(first.tiles.rows, first.tiles.columns.flip(1), first.tiles.shape)
    return replace(found, layers=(replace(first, minus_tiles=turned), *others))


def test_what_is_read_back_computes_the_same(tmp_path: Path) -> None:
    """With ideal wires the layer's own outputs; with wires the effective weights of the read-out."""
    chip, images, parasitics = mapped(), torch.randn(2, 3, 10, 10), Parasitics(driver_ohm=500.0)
    path = write_crossbars(tmp_path / "chip.npz", chip, DEVICES, [], parasitics, images, vectors=7)
    found = read_crossbars(path)
    assert (found.parasitics, found.g_min_siemens) == (parasitics, DEVICES.g_min_siemens)
    assert list(found.layers) == [layer.name for layer in chip.layers]
    features = images
    for index, module in enumerate(chip.network):
        before, features = features, module(features)
        if str(index) not in found.layers:
            continue
        layer = found.layers[str(index)]
        assert np.abs(layer.inputs_volt).max() <= 0.2
        # currents of every crossbar, then added digitally
        currents = layer.tile_inputs_volt() @ layer.conductances_siemens
        summed = np.zeros((len(layer.inputs_volt), layer.matrix_shape[1]))
        for sign, tiles, columns in zip((1, -1), currents, layer.columns, strict=True):
            for tile, own in zip(tiles, columns, strict=True):
                np.add.at(summed.T, own[own >= 0], sign * tile.T[own >= 0])
        outputs = summed * layer.w_max / SPAN * layer.inputs_per_volt
        plain = module(before) - (module.bias[:, None, None] if before.ndim == 4 else module.bias)
        expected = (plain.flatten(2).transpose(1, 2) if before.ndim == 4 else plain).flatten(0, -2)
        at = torch.linspace(0, len(expected) - 1, len(summed)).round().long()
        np.testing.assert_allclose(outputs, expected[at].detach(), rtol=1e-4, atol=1e-5)
    disturbed = read_crossbars(write_crossbars(tmp_path / "d.npz", chip, DEVICES, EFFECTS, parasitics))
    read = read_out(chip, DEVICES, EFFECTS, parasitics)
    for one in read.layers:
        layer = disturbed.layers[one.layer.name]
        assert layer.inputs_volt is None
        solved = effective_conductance(torch.from_numpy(layer.conductances_siemens), parasitics).numpy()
        np.testing.assert_allclose(layer.matrix(solved, SPAN), one.matrix("none"), atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_network_on_a_gpu_is_written(tmp_path: Path) -> None:
    images = torch.randn(1, 3, 10, 10)
    path = write_crossbars(
        tmp_path / "chip.npz", map_module(network().cuda(), 8), DEVICES, [], Parasitics(), images.cuda()
    )
    assert read_crossbars(path).layers["0"].inputs_volt is not None


def test_units_are_in_the_names_and_conductances_in_their_range(tmp_path: Path) -> None:
    images = torch.randn(1, 3, 10, 10)
    path = write_crossbars(tmp_path / "chip.npz", mapped(), DEVICES, [], Parasitics(), images)
    physical = re.compile(r"_siemens$|_ohm$|_volt$|/(rows|columns|matrix_shape|w_max)$")
    with np.load(path) as file:
        assert all(map(physical.search, file.files))
        for name in (one for one in file.files if one.endswith("conductances_siemens")):
            there = file[name][file[name] > 0]
            assert there.min() >= DEVICES.g_min_siemens * (1 - 1e-6)
            assert there.max() == pytest.approx(DEVICES.g_max_siemens)


def damaged(path: Path, **changed: object) -> Path:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays = {name: value for name, value in (arrays | changed).items() if value is not None}
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sense_ohm", None, "no array sense_ohm"),
        ("sense_ohm", np.float64(-1), "sense_ohm = -1 must be finite and not negative"),
        ("0/matrix_shape", np.array([27]), "0: matrix_shape of shape (1,) must be (2,)"),
        ("0/rows", None, "no array 0/rows"),
        ("0/conductances_siemens", np.full((2, 4, 8, 8), -1e-6), "0: conductances_siemens must be finite and not"),
        ("0/conductances_siemens", np.zeros((4, 8, 8)), "0: conductances_siemens of shape (4, 8, 8) must be"),
        ("0/columns", np.full((2, 4, 8), 99), "0: columns must be whole numbers from -1 to 5, shape (2, 4, 8)"),
        ("0/inputs_volt", np.zeros((5, 3)), "0: inputs_volt of shape (5, 3) must be (vectors, 27)"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, name: str, value: object, message: str
) -> None:
    path = write_crossbars(tmp_path / "chip.npz", mapped(), DEVICES, [], Parasitics())
    with pytest.raises(ArtifactError, match=re.escape(f"{path}: {message}")) as caught:
        read_crossbars(damaged(path, **{name: value}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04cut off"])
def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "chip.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"chip.npz: no readable npz file"):
        read_crossbars(path)


def test_the_lines_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"my_network": network(), "images": torch.randn(2, 3, 10, 10)}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, space)
    own, twin = space["my_network"], space["twin"]
    assert all(torch.equal(one, twin.state_dict()[name]) for name, one in own.state_dict().items())
