"""What a profile costs: estimated on a tiny one, and the arithmetic on made-up measurements."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeParams
from repository import ROOT
from ruamel.yaml import YAML

from xbarpaper import params
from xbarpaper.support.files import read_table
from xbarpaper.support.yaml_files import read_yaml

BENCHMARKS = ROOT / "benchmarks"
STAGES = [
    "train", "prune_cf", "prune_xcs", "prune_xrs", "map", "evaluate", "rearrange", "wct", "mechanism", "sensitivity",
    "beyond", "search", "published",
]  # fmt: skip


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark, as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("costs")


def test_a_tiny_profile_is_estimated(
    tmp_path: Path, costs: Any, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with (tmp_path / "tiny.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(make_params().model_dump(mode="json"), file)
    words = ("costs.py", tmp_path / "tiny.yaml", "--seconds", "0.1", "--output", tmp_path)
    monkeypatch.setattr(sys, "argv", list(map(str, words)))
    assert costs.main() == 0
    table = read_table(tmp_path / "costs-tiny.csv")
    assert list(table.columns) == ["stage", "experiment", "minutes", "gib", "hardware"]
    assert list(table["stage"]) == ["data", *STAGES]
    assert list(table["experiment"]) == ["tiny", *["tiny-vgg11"] * len(STAGES)]
    assert table["minutes"].between(10 / 60, 10).all()
    assert table["gib"].between(0.1, 3).all()
    assert table["hardware"].str.contains("torch 2").all()
    groups = set(read_yaml(ROOT / "dvc.yaml", "dvc.yaml")["stages"])
    (said,) = re.findall("^not estimated: (.*)$", capsys.readouterr().out, re.M)
    assert {word.split()[0] for word in said.split(", ")} == groups - {"data", *STAGES}


def test_a_folder_whose_images_are_counted_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    dataset = params.load_profile(ROOT / "profiles" / "cifar10-full.yaml").datasets["cifar10-png"]
    assert importlib.import_module("costs_part").prepare(dataset)["seconds"] > 0


def test_an_unknown_profile_is_one_line(
    tmp_path: Path, costs: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["costs.py", "huge", "--output", str(tmp_path)])
    assert costs.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("costs: ")
    assert "profiles/huge.yaml: no such file" in line


def made_up(test_image_s: float, **circuit: float) -> dict[str, Any]:
    """Measurements in which a training step takes a second."""
    step = {"step_s": 1.0, "test_image_s": test_image_s, "gib": 1.0}
    solved = {
        "sizes": {size: {"unpruned": circuit, "cf": circuit} for size in ("8", "16")},
        "image_s": {"unpruned": 0.0, "cf": 0.0},
        "error_s": 0.0, "layers": 9, "gib": 2.0, "mechanism_gib": 3.0,
    }  # fmt: skip
    return {"trained": step, "cf": step, "masked": step, "circuit": solved}


def test_minutes_follow_from_epochs_seeds_and_sizes(costs: Any, make_params: MakeParams) -> None:
    """100 images in batches of 25 are four steps of one second; 40 test images take no time, a row takes a second."""
    measured = made_up(test_image_s=0.0, map_s=0.0, read_s=0.0, variation_s=0.0, twin_s=1.0)
    nowhere = {name: {"experiments": ()} for name in ("sensitivity", "beyond", "search", "published")}
    settings = make_params(train={"epochs": 10}, prune={"epochs": 3}, wct={"epochs": 2}, **nowhere)
    found = costs.estimate(settings, "tiny-vgg11", measured)
    sizes, schemes, seeds, gains = 2, 4, 2, 2
    rows = {
        "evaluate": sizes * schemes * (1 + seeds + seeds * gains),
        "rearrange": sizes * schemes * seeds,
        "mechanism": schemes * settings.mechanism.variation_seeds * (2 + 2 * 9),
    }
    wct_networks = 1 + 1 + 2 * sizes
    assert {name: seconds for name, (seconds, _) in found.items()} == {
        "train": 10 * 4, "prune_cf": 3 * 4, "prune_xcs": sizes * 3 * 4, "prune_xrs": sizes * 3 * 4, "map": 0,
        "wct": wct_networks * 2 * 4 + 2 * rows["rearrange"], **rows,
    }  # fmt: skip
    assert [gib for _, gib in found.values()] == [1, 1, 1, 1, 2, 2, 2, 2, 3]
    gradual = settings.model_copy(update={"prune": settings.prune.model_copy(update={"steps": 5})})
    longer = costs.estimate(gradual, "tiny-vgg11", measured)
    more = {name: longer[name][0] - found[name][0] for name in found}
    segments = sizes * 4 * 4
    assert more == dict.fromkeys(found, 0) | {"prune_cf": 4 * 4, "prune_xcs": segments, "prune_xrs": segments}


def test_more_weights_left_cost_more_where_filters_are_removed(costs: Any, make_params: MakeParams) -> None:
    measured = made_up(test_image_s=1.0, map_s=0.0, read_s=1.0, variation_s=1.0, twin_s=0.0)
    settings = make_params()
    (before, after) = (costs.estimate(settings, "tiny-vgg11", measured, left) for left in (1.0, 2.0))
    ratio = {stage: after[stage][0] / before[stage][0] for stage in before}
    assert ratio["prune_cf"] == 2
    assert 1 < ratio["sensitivity"] < 2
    assert all(1 < ratio[stage] < 2 for stage in ("beyond", "search", "published"))
    assert ratio["train"] == ratio["prune_xcs"] == 1
    assert ratio["map"] == pytest.approx(7 / 4)  # one of four schemes is not pruned


def test_paper_has_the_grid_and_its_replicates() -> None:
    paper = params.load_profile(ROOT / "profiles" / "paper.yaml")
    grid = {(one.network, one.dataset, one.training_seed) for one in paper.experiments.values()}
    assert grid == {("vgg11", "cifar10-png", 1), ("vgg11", "cifar10-png", 2)} | {
        (network, dataset, 0) for network in ("vgg11", "vgg16") for dataset in ("cifar10-png", "cifar100-png")
    }
    for name, one in paper.experiments.items():
        seed = f"-seed{one.training_seed}" if one.training_seed else ""
        assert name == f"paper-{one.network}-{one.dataset.removesuffix('-png')}{seed}"
        assert one.width == 1.0
        assert one.sparsity == (0.8 if one.dataset == "cifar10-png" else 0.6)
    assert paper.mapping.crossbar_sizes == (16, 32, 64)
    assert paper.evaluation.variation_seeds >= 5
