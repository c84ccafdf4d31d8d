"""``dvc repro`` itself, on a tiny profile in a copy of the repository: every notebook, and what reruns when."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from conftest import MakeParams
from repository import ROOT, Repository, kill_all, suspend_all, wait_for
from safetensors import safe_open
from test_stale import EXPERIMENTS, KNOWN, MEASURING, OTHERS

from xbarpaper.claims.schema import OUTCOMES
from xbarpaper.experiments.results import TABLES
from xbarpaper.params import MITIGATIONS, SCHEMES, Params
from xbarpaper.params.writing import write
from xbarpaper.support.files import read_table

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
UP_TO_DATE = "Data and pipelines are up to date."
EXPERIMENT = "tiny-vgg11"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, tiny_pipeline: Path) -> Repository:
    """A copy of the repository in which the tiny profile has run. Each test leaves it active and up to date."""
    made = Repository.twin(tiny_pipeline / "copy", tmp_path_factory.mktemp("pipeline") / "copy")
    assert set(ran((tiny_pipeline / "repro.log").read_text(encoding="utf-8"))) == {
        "code",
        "data@tiny",
        "own_network@tiny",
        *(f"{stage}@{EXPERIMENT}" for stage in EXPERIMENTS),
        *(f"{stage}@tiny" for stage in ("figures", "claims", "publish")),
    }  # fmt: skip
    return made


def ran(output: str) -> list[str]:
    """The stages that a ``dvc repro`` executed, or would execute."""
    return re.findall(r"^Running stage '(.+)':", output, flags=re.M)


# --- what comes out -----------------------------------------------------------------------------------------


def test_every_notebook_is_executed_and_published(repository: Repository) -> None:
    published = {path.stem: path for path in (repository.folder / "reports/tiny/notebooks").rglob("*.ipynb")}
    assert sorted(published) == NOTEBOOKS
    for path in published.values():
        node = nbformat.read(path, as_version=4)
        cells = [cell for cell in node.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in cells)
        assert any(cell.outputs for cell in cells)
        assert str(repository.folder) not in path.read_text(encoding="utf-8")


def test_the_tables_hold_every_evaluation(repository: Repository, tiny: Params) -> None:
    tables = repository.folder / "reports/tiny/tables"
    for name, described in TABLES.items():
        assert (tables / f"{name}.csv").is_file() == bool(described.experiments(tiny))
        if described.experiments(tiny):
            assert set(described.columns) <= set(read_table(tables / f"{name}.csv").columns)
    table = read_table(tables / "evaluation.csv")
    regions = read_table(repository.folder / f"data/results/tiny/{EXPERIMENT}/10_sensitivity/regions.csv")
    assert set(regions["verdict"]) <= set(OUTCOMES)
    sizes, seeds = tiny.mapping.crossbar_sizes, tiny.evaluation.variation_seeds
    disturbed = seeds * len(tiny.evaluation.gains)
    networks = len(SCHEMES) * len(sizes)
    # gain modes are compared without mitigation
    assert len(table) == networks * (1 + seeds + disturbed + (len(MITIGATIONS) - 1) * seeds)
    assert set(table["mitigation"]) == set(MITIGATIONS)
    assert table["seed"].isna().equals(table["effects"] == "wires")
    assert table[["accuracy", "software_accuracy"]].apply(lambda column: column.between(0, 100).all()).all()
    unpruned = table[table["scheme"] == "unpruned"]
    assert (unpruned["compression_rate"] == 1).all()
    assert (table.loc[table["scheme"] == "cf", "compression_rate"] > 1).all()


def test_claims_and_figures_are_there(repository: Repository) -> None:
    report = repository.folder / "reports/tiny"
    claims = json.loads((report / "claims.json").read_text(encoding="utf-8"))
    assert [claim["id"] for claim in claims["claims"]] == ["C1", "C2", "C3", "C4", "C5"]
    verdicts = {verdict["verdict"] for claim in claims["claims"] for verdict in claim["verdicts"]}
    assert verdicts <= set(OUTCOMES)
    figures = {path.name for path in (report / "figures").iterdir()}
    assert len(figures) >= 20
    assert {Path(name).stem for name in figures if name.endswith(".png")} == {
        Path(name).stem for name in figures if name.endswith(".svg")
    }
    page = (report / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["']https?://""", re.sub(r"<a [^>]*>", "", page))


def test_nothing_is_left_beside_the_outputs(repository: Repository) -> None:
    assert repository.git("status", "--porcelain", "--ignored=no") == ""
    leftovers = [
        str(path.relative_to(repository.folder))
        for top in ("data", "reports")
        for path in (repository.folder / top).rglob(".*")
        if path.name != ".gitignore"
    ]
    assert leftovers == []


# --- what runs again ----------------------------------------------------------------------------------------


def test_a_second_run_has_nothing_to_do(repository: Repository) -> None:
    output = repository.repro()
    assert output.strip().endswith(UP_TO_DATE)
    assert ran(output) == []


def test_a_fresh_clone_finds_that_nothing_changed(repository: Repository, tmp_path: Path) -> None:
    clone = repository.clone(tmp_path / "clone")
    output = clone.repro("--dry", "--allow-missing")
    assert output.strip().endswith(UP_TO_DATE)
    assert ran(output) == []
    assert clone.git("status", "--porcelain") == ""


def test_other_variation_evaluates_anew_but_trains_nothing(repository: Repository, tiny: Params) -> None:
    networks = repository.contents(f"data/checkpoints/{EXPERIMENT}")
    # Unpruned, C/F, and XCS and XRS at two sizes; at another sparsity the pruned ones at one size; each also after WCT.
    # By AC/DC XCS at one size, and unstructured pruning both ways.
    assert len(networks) == 12 + 6 + 3
    results = repository.contents("data/results/tiny")
    repository.activate(tiny, devices={"variation_sigma": 0.3})
    dry = ran(repository.repro("--dry"))
    assert sorted(stage for stage in dry if stage.endswith(EXPERIMENT)) == sorted(
        f"{stage}@{EXPERIMENT}" for stage in MEASURING | OTHERS
    )
    assert not [stage for stage in dry if stage.startswith("data@")]
    again = [f"{stage}@{EXPERIMENT}" for stage in ("evaluate", "rearrange", "wct")]
    assert sorted(ran(repository.repro(*again[1:]))) == sorted(again)
    assert repository.contents(f"data/checkpoints/{EXPERIMENT}") == networks
    changed = {
        path for path, content in repository.contents("data/results/tiny").items() if content != results[path]
    }
    assert {
        f"{EXPERIMENT}/{stage}/evaluation.csv" for stage in ("06_evaluate", "07_rearrange", "08_wct")
    } <= changed
    repository.activate(tiny)
    assert ran(repository.repro()) == []  # taken from the cache
    assert repository.contents("data/results/tiny") == results
    assert repository.git("status", "--porcelain") == ""


def test_changed_code_of_wct_trains_other_networks_and_nothing_else(repository: Repository) -> None:
    """No checkpoint comes from a file that the code of before left."""
    folder, stage = f"data/checkpoints/{EXPERIMENT}", f"wct@{EXPERIMENT}"
    networks, source = repository.contents(folder), repository.folder / "xbarpaper/mitigation/wct.py"
    text = source.read_text(encoding="utf-8")
    assert "weight_quantiles(pruned, cut_quantile)" in text
    lower = "{name: 0.3 * limit for name, limit in weight_quantiles(pruned, cut_quantile).items()}"
    source.write_text(text.replace("weight_quantiles(pruned, cut_quantile)", lower), encoding="utf-8")
    assert ran(repository.repro("code")) == ["code"]
    dry = ran(repository.repro("--dry"))
    expected = KNOWN["mitigation/wct.py"] - {"resume under WCT"}
    assert {one.split("@")[0] for one in dry if one.endswith(EXPERIMENT)} == expected
    assert ran(repository.repro(stage)) == [stage]
    after = repository.contents(folder)
    constrained = {path for path in networks if path.startswith("wct/")}
    assert {path for path in networks if after[path] != networks[path]} == constrained
    source.write_text(text, encoding="utf-8")
    assert ran(repository.repro()) == []  # taken from the cache
    assert repository.contents(folder) == networks


def test_a_refused_parameter_stops_the_pipeline_and_loses_nothing(
    repository: Repository, tiny: Params
) -> None:
    report = repository.contents("reports")
    repository.activate(tiny, devices={"variation_sigma": 1.5})
    done = repository.dvc("repro")
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if "variation_sigma" in line]
    assert said == [
        "06_evaluate: params.yaml: devices.variation_sigma = 1.5 must be at least 0 and at most 1"
    ]
    assert "Traceback" not in done.stderr
    assert repository.contents("reports") == report
    repository.activate(tiny)
    assert ran(repository.repro()) == []
    assert repository.git("status", "--porcelain") == ""


def test_a_damaged_input_is_refused_and_comes_back(repository: Repository) -> None:
    """A stage that is forced to run compares what it reads with what was written."""
    path = repository.folder / "data/datasets/tiny.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = repository.dvc("repro", "--force", "--single-item", f"train@{EXPERIMENT}")
    assert done.returncode
    (said,) = (line for line in done.stderr.splitlines() if "not what data@tiny wrote: " in line)
    assert said.startswith("01_train: data/datasets/tiny.safetensors: ")
    assert "Traceback" not in done.stderr
    assert ran(repository.repro()) == []  # from the cache
    assert path.read_bytes() == content


# --- profiles and interruptions -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other(make_params: MakeParams) -> Params:
    """A second profile on the same data, whose network trains for long enough to be killed."""
    made = make_params(train={"epochs": 40})
    there = {"experiments": ("other-vgg11",)}
    sections = {
        name: section.model_copy(update=there)
        for name, section in made
        if getattr(section, "experiments", ())
    }
    experiments = {"other-vgg11": made.experiments[EXPERIMENT]}
    return made.model_copy(update={"profile": "other", "experiments": experiments, **sections})


def test_profiles_take_turns_and_a_killed_training_ends_in_the_same_weights(
    repository: Repository, tiny: Params, other: Params
) -> None:
    report = repository.contents("reports")
    stage, checkpoint = "train@other-vgg11", Path("data/checkpoints/other-vgg11/unpruned.safetensors")
    unfinished = repository.folder / "data/resume/other-vgg11"
    repository.activate(other)
    assert ran(repository.repro("data@tiny")) == ["data@tiny"]  # the notebook of the data is the profile's

    killed = repository.start("repro", stage)
    live = Path("data/live/metrics/training/other-vgg11/trained-unpruned.json")
    wait_for(lambda: (repository.folder / live).exists(), "no epoch", 600)
    suspend_all(killed.pid)
    watched = json.loads(repository.dvc("metrics", "show", "data/live/metrics", "--json").stdout)[""]["data"]
    kill_all(killed.pid)
    killed.wait(timeout=300)
    assert watched[str(live)]["data"]["epochs"] == other.train.epochs
    curve = repository.dvc(
        "plots", "show", "--show-vega", "data/live/curves/other-vgg11/trained-unpruned.csv"
    )
    values = json.loads(curve.stdout)["data"]["values"]
    # The curve is written first, so the run may have stopped between the two.
    assert len(values) - watched[str(live)]["data"]["epoch"] in (0, 1)
    (resume,) = unfinished.rglob("trained-unpruned.safetensors")
    with safe_open(resume, framework="pt") as file:
        assert 1 <= int(file.metadata()["epochs"]) < other.train.epochs
    assert not (repository.folder / checkpoint).exists()
    done = repository.dvc("repro", stage)
    assert done.returncode == 0, done.stderr
    assert ran(done.stdout) == [stage]
    assert "starting anew" not in done.stderr
    resumed = (repository.folder / checkpoint).read_bytes()
    lock = (repository.folder / "dvc.lock").read_bytes()

    repository.activate(tiny)
    assert ran(repository.repro()) == []
    assert repository.contents("reports") == report

    repository.activate(other)
    assert ran(repository.repro(stage)) == []
    assert (repository.folder / checkpoint).read_bytes() == resumed
    shutil.rmtree(unfinished, ignore_errors=True)
    assert ran(repository.repro("--force", "--single-item", stage)) == [stage]
    assert (repository.folder / checkpoint).read_bytes() == resumed
    assert (repository.folder / "dvc.lock").read_bytes() == lock  # tables and notebook too, byte for byte

    repository.activate(tiny)
    assert ran(repository.repro()) == []


# --- this repository ----------------------------------------------------------------------------------------


def test_the_committed_report_belongs_to_the_committed_code(tmp_path: Path) -> None:
    """That of quick; a profile on real images takes hours, and its report names the commit that made it."""
    copy = Repository.copy(tmp_path)
    write("quick", copy.folder)
    done = copy.dvc("repro", "--dry", "--allow-missing")
    assert done.returncode == 0, done.stderr
    assert ran(done.stdout) == []
    assert done.stdout.strip().endswith(UP_TO_DATE)
    assert (copy.folder / "reports" / "quick" / "index.html").is_file()
