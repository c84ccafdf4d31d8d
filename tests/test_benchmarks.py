"""The benchmark of the circuit solver: what it writes at its smallest scale, and that its figure can be read."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import itertools
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import MakeParams
from repository import ROOT
from subjects import of_one_size, trained_in
from test_figures import assert_readable

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.params import SCHEMES, Shapes10
from xbarpaper.support import files
from xbarpaper.support.files import read_table

BENCHMARKS = ROOT / "benchmarks"
OURS = "xbarpaper"
PEERS = {"scipy SuperLU", "torch.linalg.solve", "badcrossbar"}
TOLERANCES = {"float32": 1e-5, "float64": 1e-9}  # what the solver promises; the peers are exact
TILE_COLUMNS = [
    "circuit", "solver", "precision", "size", "tiles", "repeats", "threads", "ms_per_tile", "ms_per_tile_fastest",
    "ms_per_tile_slowest", "tiles_per_s", "error", "error_tiles", "ratio_float32", "ratio_float64", "exponent", "machine",
]  # fmt: skip
NETWORK_COLUMNS = [
    "network", "width", "weights", "size", "crossbars", "precision", "threads", "repeats", "solve_s", "read_out_s",
    "crossbars_per_s", "peak_gb", "machine",
]  # fmt: skip


def run(name: str, *arguments: str | Path) -> str:
    """What a benchmark prints, in this process: another would load torch once more."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.syspath_prepend(str(BENCHMARKS))
        patch.chdir(ROOT)
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        assert not importlib.import_module(name).main()
    return printed.getvalue()


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and text of a whole quick run, with the large crossbars measured here: a network has its own process."""
    folder = tmp_path_factory.mktemp("benchmarks")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        circuit = importlib.import_module("circuit")
        apart = circuit.measured_apart

        def measured(script: str, options: dict[str, Any], more: list[str]) -> dict[str, Any]:
            if script == "circuit_network.py":
                return apart(script, options, more)
            return json.loads(run(Path(script).stem, *itertools.chain(*options.items()), *more))

        patch.setattr(circuit, "measured_apart", measured)
        return folder, run("circuit", "--quick", "--output", folder)


def test_quick_run_writes_all_tables_and_the_figure(quick: tuple[Path, str]) -> None:
    folder, printed = quick
    names = ["circuit-large.csv", "circuit-networks.csv", "circuit.csv", "circuit.png", "circuit.svg"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (folder / "circuit.png").read_bytes().startswith(b"\x89PNG")
    assert "times more tiles/s than scipy SuperLU" in printed
    assert "torch 2" in printed
    # Without badcrossbar its rows are left out.
    missing = "badcrossbar is not installed (pip install .[bench])"
    assert printed.startswith(missing) == (importlib.util.find_spec("badcrossbar") is None)


def test_every_solver_is_timed_and_right_at_every_size(quick: tuple[Path, str]) -> None:
    table = read_table(quick[0] / "circuit.csv")
    assert list(table.columns) == TILE_COLUMNS
    peers = PEERS if importlib.util.find_spec("badcrossbar") else PEERS - {"badcrossbar"}
    for _, rows in table.groupby("size"):
        assert set(rows["solver"]) == peers | {OURS}
    assert set(table["size"]) == {8, 16}
    assert (table["error"] <= table["precision"].map(TOLERANCES)).all()
    assert (table["error_tiles"] >= 3).all()
    np.testing.assert_allclose(table["ms_per_tile"] * table["tiles_per_s"], 1e3, rtol=1e-6)
    assert (table["ms_per_tile_fastest"] <= table["ms_per_tile"]).all()
    assert (table["ms_per_tile"] <= table["ms_per_tile_slowest"]).all()


def test_ratios_and_exponents_follow_from_the_times(quick: tuple[Path, str]) -> None:
    table = read_table(quick[0] / "circuit.csv")
    ours = table[table["solver"] == OURS].set_index(["circuit", "size", "precision"])["ms_per_tile"]
    assert table.loc[table["solver"] == OURS, ["ratio_float32", "ratio_float64"]].isna().all(axis=None)
    for row in table[table["solver"] != OURS].itertuples():
        for precision in TOLERANCES:
            ratio = row.ms_per_tile / ours[row.circuit, row.size, precision]
            assert getattr(row, f"ratio_{precision}") == pytest.approx(ratio, rel=1e-6)
    for _, rows in table.groupby(["circuit", "solver", "precision"]):
        small, large = rows.sort_values("size").itertuples()
        assert np.isnan(small.exponent)
        assert large.exponent == pytest.approx(np.log2(large.ms_per_tile / small.ms_per_tile), rel=1e-6)


def test_a_network_is_measured_in_its_own_process(quick: tuple[Path, str]) -> None:
    table = read_table(quick[0] / "circuit-networks.csv")
    assert list(table.columns) == NETWORK_COLUMNS
    (row,) = table.itertuples()
    assert (row.network, row.size, row.precision) == ("vgg11", 16, "float32")
    assert row.crossbars * 16**2 >= 2 * row.weights
    assert row.solve_s > 0
    assert row.read_out_s > 0
    assert 0.05 < row.peak_gb < 4


def test_a_large_crossbar_is_measured_with_its_bound(quick: tuple[Path, str]) -> None:
    table = read_table(quick[0] / "circuit-large.csv")
    assert table[["rows", "columns", "wires"]].to_numpy().tolist() == [[24, 20, 1], [24, 20, 10]]
    assert (table["error"] <= table["bound"]).all()
    assert (table["bound"] <= TOLERANCES["float64"]).all()
    assert (table["checked_inputs"] == 24).all()
    assert (table["superlu_solving_seconds"] < table["superlu_seconds"]).all()
    np.testing.assert_allclose(table["superlu_ratio"], table["superlu_seconds"] / table["seconds"], rtol=1e-6)


def test_a_quick_run_never_replaces_results(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("circuit", "--quick")
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("--quick needs --output: its numbers are no results")


@pytest.mark.parametrize("peer_speed", [1.0, 10.0])
def test_figure_can_be_read(peer_speed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from circuit_figure import draw

    figure = draw(_table(peer_speed), "Processor, 2 cores; torch 2.13.0", "python benchmarks/circuit.py")
    assert_readable(figure, columns=2)


def _table(peer_speed: float) -> pd.DataFrame:
    """Times and ratios like those of a real run."""
    rows = []
    for size in (16, 32, 64, 128):
        grown = size / 16
        times = {
            (OURS, "float32", "full"): 0.012 * grown**2.7,
            (OURS, "float64", "full"): 0.025 * grown**2.75,
            ("scipy SuperLU", "float64", "full"): 4.7 / peer_speed * grown**2.2,
            ("badcrossbar", "float64", "wires only"): 10.0 / peer_speed * grown**1.8,
        }
        if size < 64:
            times["torch.linalg.solve", "float64", "full"] = 8.0 / peer_speed * grown**5.5
        for (solver, precision, circuit), ms in times.items():
            names = {"solver": solver, "precision": precision, "circuit": circuit, "size": size}
            ratios = {
                f"ratio_{other}": np.nan if solver == OURS else ms / times[OURS, other, "full"]
                for other in TOLERANCES
            }
            rows.append(names | ratios | {"ms_per_tile": ms, "error": 1e-7})
    return pd.DataFrame(rows)


def test_the_recipe_s_table_has_a_row_for_each_part_and_goes_on(tmp_path: Path) -> None:
    drawn = Shapes10(kind="shapes10", train_images=40, test_images=20, noise_sigma=0.05, seed=1)
    made = data.save(data.prepare("tiny", drawn), tmp_path / "tiny.safetensors")
    recipe = (ROOT / "profiles" / "cifar10-full.yaml").read_text(encoding="utf-8")
    short = re.sub(r"^train:\n  epochs: \d+$", "train:\n  epochs: 2", recipe, count=1, flags=re.M)
    assert short != recipe
    profile = files.write_text(tmp_path / "cifar10-full.yaml", short)

    def rows() -> pd.DataFrame:
        options = ("--images", made, "--width", "0.02", "--draws", "1", "--output", tmp_path)
        run("recipe", profile, "--against", ROOT / "profiles" / "quick.yaml", *options)
        return read_table(tmp_path / "recipe-vgg11-0.02.csv")

    first = rows()
    assert len(first) == 12  # the recipe three times; the profile blanks eight pixels already
    assert first["variant"].nunique() == 10
    files.write_table(tmp_path / "recipe-vgg11-0.02.csv", first[first["training_seed"] == 0])
    again = rows()
    assert again["variant"].tolist() == first["variant"].tolist()
    assert again["accuracy"].tolist() == first["accuracy"].tolist()


def test_both_arithmetics_read_the_same_crossbars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_params: MakeParams, tiny_images: ImageSet
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.chdir(tmp_path)
    experiment = trained_in(tmp_path, make_params(**of_one_size(16)), tiny_images, constrained=False)
    table = importlib.import_module("precision").compared(experiment, 1)
    assert list(table["scheme"]) == list(SCHEMES)
    assert table["float32"].between(0, 100).all()
    assert (table["difference"] == (table["bfloat16"] - table["float32"]).round(2)).all()
    assert table["difference"].abs().max() < 20  # of an untrained network, whose answers nearly tie


def test_the_control_of_wct_meets_the_devices_that_wct_meets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_params: MakeParams, tiny_images: ImageSet
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.chdir(tmp_path)
    control = importlib.import_module("wct_control")

    def rows_of(cut_quantile: float) -> dict[str, pd.DataFrame]:
        made = make_params(**of_one_size(16), wct={"cut_quantile": cut_quantile})
        experiment = trained_in(tmp_path, made, tiny_images)
        monkeypatch.setattr(sys, "argv", ["wct_control", experiment.name, "--output", str(tmp_path)])
        monkeypatch.setattr(control.params, "load", lambda: made)
        assert not control.main()
        table = read_table(tmp_path / f"wct-control-{made.profile}.csv").set_index(["scheme", "seed"])
        return dict(iter(table.groupby("mitigation", sort=False)[["accuracy", "software_accuracy"]]))

    limited, without = rows_of(0.5), rows_of(1.0)
    assert list(limited) == ["none", "WCT", "unlimited"]
    pd.testing.assert_frame_equal(without["WCT"], without["unlimited"])  # one network on the same devices
    assert not limited["WCT"].equals(limited["unlimited"])
    for name in ("none", "unlimited"):
        pd.testing.assert_frame_equal(limited[name], without[name])


def test_steps_on_crossbars_are_timed_beside_those_in_software(tmp_path: Path) -> None:
    arguments = ("--widths", "0.03", "--refresh-steps", "1", "2", "--steps", "2", "--epochs", "1")
    printed = run("on_crossbar_training", *arguments, "--output", tmp_path)
    table = read_table(tmp_path / "on-crossbar-training.csv")
    assert table["refresh_steps"].tolist() == [0, 1, 2]
    assert table["ratio"].tolist() == pytest.approx(list(table["ms_per_step"] / table["ms_per_step"][0]))
    assert (table["ms_per_step"] > 0).all()
    assert "ms_per_step" in printed


def test_converters_are_timed_beside_folded_weights(tmp_path: Path) -> None:
    arguments = ("--width", "0.03", "--sizes", "8", "16", "--images", "6", "--processes", "1")
    run("converters", *arguments, "--output", tmp_path)
    table = read_table(tmp_path / "converters.csv")
    assert list(table["size"]) == [8, 16]
    assert (table["converters_s"] > 0).all()
    assert table["ideal_apart"].max() < 1e-4  # ideal converters give the product with the folded weights
