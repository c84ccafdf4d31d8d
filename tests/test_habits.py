"""The page on the habits of DVC, git and Jupyter: its commands, given one after another on the tiny profile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from repository import ROOT, Repository
from test_pipeline import UP_TO_DATE

from xbarpaper.params import load

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "habits.md").read_text(encoding="utf-8")
CHANGED, EXPERIMENTS, ELSEWHERE, SECOND, BY_ITSELF = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
(PYTHON,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def made(tiny_pipeline: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository.twin(tiny_pipeline / "copy", tmp_path_factory.mktemp("habits") / "first")
    for name in ("AUTHOR", "COMMITTER"):
        made.environment |= {f"GIT_{name}_NAME": "user", f"GIT_{name}_EMAIL": "user@localhost"}
    return made


def follow(repository: Repository, commands: str, first: Repository | None = None) -> str:
    top = str((first or repository).folder)
    commands = commands.replace("REPOSITORY", top).replace("FIRST", top).replace("quick", "tiny")
    done = repository.run("bash", "-e", "-c", commands)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_what_has_changed_is_told(made: Repository) -> None:
    params = made.folder / "params.yaml"
    before = params.read_text(encoding="utf-8")
    params.write_text(before.replace("confidence: 0.95", "confidence: 0.9"), encoding="utf-8")
    said = follow(made, CHANGED)
    assert "claims.confidence" in said
    assert "Running stage 'claims@tiny'" in said
    assert (made.folder / "watch/index.html").is_file()
    params.write_text(before, encoding="utf-8")
    assert UP_TO_DATE in follow(made, CHANGED)
    assert made.git("status", "--porcelain") == ""


def test_a_notebook_by_itself_leaves_no_trace(made: Repository) -> None:
    follow(made, BY_ITSELF)
    written = made.folder / "out.ipynb"
    assert "image/png" in written.read_text(encoding="utf-8")
    written.unlink()
    assert made.git("status", "--porcelain") == ""
    assert follow(made, "dvc status").strip() == UP_TO_DATE


def test_outputs_are_had_from_another_repository(made: Repository, tmp_path: Path) -> None:
    other = Repository(tmp_path)
    other.run("git", "init", "-q", check=True)
    assert other.dvc("init", "-q").returncode == 0
    follow(other, ELSEWHERE, made)
    assert (tmp_path / "tables/evaluation.csv").read_bytes() == (
        made.folder / "reports/tiny/tables/evaluation.csv"
    ).read_bytes()
    assert list((tmp_path / "06_evaluate").iterdir())
    read = PYTHON.replace("quick", "tiny").replace("REPOSITORY", repr(str(made.folder)))
    script = f"{read}\nassert numbers and settings['profile'] == 'tiny' and table.startswith('experiment,')"
    done = other.run("python", "-c", script)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("links", ["hardlink", "symlink"])
def test_links_into_the_cache_are_never_written_through(made: Repository, tmp_path: Path, links: str) -> None:
    linked = Repository.twin(made.folder, tmp_path / "linked")
    follow(linked, f"dvc config --local cache.type {links}\ndvc checkout --relink")
    checkpoint = linked.folder / "data/results/tiny/tiny-vgg11/05_map/layers.csv"
    assert checkpoint.is_symlink() if links == "symlink" else checkpoint.stat().st_nlink > 1
    cached = linked.contents(".dvc/cache/files")
    follow(linked, "dvc repro -f -s map@tiny-vgg11")
    assert cached.items() <= linked.contents(".dvc/cache/files").items()
    assert follow(linked, "dvc status").strip() == UP_TO_DATE


def test_a_second_working_tree_shares_the_cache(made: Repository) -> None:
    said = follow(made, SECOND)
    assert said.strip().endswith(UP_TO_DATE)


def test_experiments_run_in_copies_and_are_compared(made: Repository) -> None:
    *runs, apply = EXPERIMENTS.strip().splitlines()
    said = follow(made, "\n".join(runs))
    assert made.git("status", "--porcelain") == ""
    assert re.search(r"search\.finalists\s+1\s+3", said)
    follow(made, apply)
    assert load(made.folder / "params.yaml").search.finalists == 3
    assert follow(made, "dvc status").strip() == UP_TO_DATE
