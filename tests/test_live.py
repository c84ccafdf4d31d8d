"""Watching: what ``dvc metrics show`` and ``dvc plots show`` find before, during and after a training."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from conftest import MakeNetwork, MakeParams
from repository import ROOT, Repository

from xbarpaper.data import ImageSet
from xbarpaper.networks.runs import Run
from xbarpaper.networks.training import train
from xbarpaper.support import live
from xbarpaper.support.files import read_table

NAME = "quick-vgg11/trained-unpruned"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """What DVC reads of this repository, where nothing has run."""
    only = (".", "data/", "dvc.", "params.yaml", "reports/quick/tables/")
    return Repository.copy(tmp_path_factory.mktemp("live") / "copy", only)


@pytest.fixture
def top(fresh: Repository, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its top folder, as the working directory."""
    monkeypatch.chdir(fresh.folder)
    return fresh.folder


def shown(repository: Repository, *command: str) -> str:
    """Output of a dvc command that must have nothing to complain about."""
    done = repository.dvc(*command)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def metrics(repository: Repository) -> dict[str, dict[str, float]]:
    found = json.loads(shown(repository, "metrics", "show", "data/live/metrics", "--json"))[""]
    files = {Path(name).relative_to(live.METRICS): file for name, file in found.get("data", {}).items()}
    return {str(name.with_suffix("")): file["data"] for name, file in files.items()}


def plots(repository: Repository) -> dict[str, list[dict[str, str]]]:
    """Values of each plot, by its file."""
    found = json.loads(shown(repository, "plots", "show", "--json"))
    assert "errors" not in found
    return {name: plot["content"]["data"]["values"] for name, (plot,) in found["data"].items()}


def interrupted_training(images: ImageSet, run: Run, network, epoch: int) -> None:
    def interrupt(epochs: int) -> None:
        if epochs == epoch:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network, images, run, interrupt)


def test_before_anything_ran_there_is_nothing_to_complain_about(fresh: Repository) -> None:
    assert metrics(fresh) == {}
    (published,) = plots(fresh).values()
    table = read_table(fresh.folder / "reports" / "quick" / "tables" / "training.csv")
    assert [float(row["test_accuracy"]) for row in published] == table["test_accuracy"].tolist()


def test_a_training_that_is_cut_off_shows_its_curve_so_far(
    fresh: Repository,
    top: Path,
    tiny_images: ImageSet,
    make_network: MakeNetwork,
    make_params: MakeParams,
    tmp_path: Path,
) -> None:
    recipe, resume = make_params().train, tmp_path / "run.safetensors"
    run = Run("tiny", recipe, epochs=5, learning_rate=0.05, seed=0, resume=resume, live=NAME)
    interrupted_training(tiny_images, run, make_network(), 2)
    (top / live.CURVES / "quick-vgg11" / ".trained.csv.x.csv").touch()  # a killed write leaves such a file
    now = metrics(fresh)[f"training/{NAME}"]
    assert (now["epoch"], now["epochs"]) == (2, 5)
    assert now["minutes_left"] == pytest.approx(1.5 * now["minutes"], abs=0.1)
    curves = plots(fresh)
    (curve,) = [values for name, values in curves.items() if name == str(live.CURVES / f"{NAME}.csv")]
    assert len(curves) == 2  # and the published ones
    assert [row["epoch"] for row in curve] == ["1", "2"]
    assert float(curve[-1]["test_accuracy"]) == now["test_accuracy"]

    history = train(make_network(), tiny_images, run)
    table = read_table(live.CURVES / f"{NAME}.csv")
    assert table["test_accuracy"].tolist() == pytest.approx(history["test_accuracy"].tolist(), rel=1e-8)
    assert table["minutes"].is_monotonic_increasing
    assert metrics(fresh)[f"training/{NAME}"]["minutes_left"] == 0
    assert fresh.git("status", "--porcelain") == ""


def test_stages_show_what_they_measured_on_crossbars(fresh: Repository, top: Path) -> None:
    rows = [
        (scheme, 16, mitigation, effects, gain, software - lost, software)
        for scheme, software in (("unpruned", 80.0), ("cf", 70.0))
        for mitigation, less in (("none", 0.0), ("R+WCT", 1.0), ("PC/chip", 2.0))
        for effects, gain, lost in (
            ("both", "layer", 10.0 - less),
            ("both", "layer", 12.0 - less),
            ("both", "none", 50.0),
            ("wires", "layer", 1.0),
        )
    ]
    columns = ["scheme", "crossbar_size", "mitigation", "effects", "gain", "accuracy", "software_accuracy"]
    live.crossbars("quick-vgg11", pd.DataFrame(rows, columns=columns), "layer")
    found = metrics(fresh)
    assert found["crossbars/quick-vgg11/none-16"] == {"cf": 59.0, "unpruned": 69.0}
    assert found["crossbars/quick-vgg11/r-wct-16"] == {"cf": 60.0, "unpruned": 70.0}
    assert found["crossbars/quick-vgg11/pc-chip-16"] == {"cf": 61.0, "unpruned": 71.0}
    assert found["crossbars/quick-vgg11/software-16"] == {"cf": 70.0, "unpruned": 80.0}


def test_the_commands_of_the_pipeline_page_run(fresh: Repository, top: Path) -> None:
    text = (ROOT / "docs" / "pipeline.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"## Watch a long run\n.*?```sh\n(.*?)```", text, re.DOTALL)
    commands = [shlex.split(line, comments=True) for line in block.splitlines()]
    epoch = {"train_loss": 1.5, "train_accuracy": 30.0, "test_accuracy": 41.5, "seconds": 3.0}
    live.training(NAME, [{"epoch": 1, **epoch}], 40)
    outputs = {" ".join(command): fresh.run(*command) for command in commands}
    assert {command: done.stderr for command, done in outputs.items() if done.returncode or done.stderr} == {}
    for command, done in outputs.items():
        if "--show-vega" in command:
            assert "41.5" in json.dumps(json.loads(done.stdout)["data"]["values"])
    assert (top / "watch" / "index.html").is_file()
