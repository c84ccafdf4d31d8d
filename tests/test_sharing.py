"""Sharing results: ``dvc push`` to an S3 server on loopback, ``dvc pull`` into a fresh clone, both also cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.transfers import Cut, Server, pull_cut_off, push_cut_off, serving, shared
from repository import ROOT, Repository
from test_pipeline import UP_TO_DATE, ran

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
LAB, READER, FIGURES = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def lab(tiny_pipeline: Path, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Where the tiny profile has run, pushed as the page says."""
    made = Repository.twin(tiny_pipeline / "copy", tmp_path_factory.mktemp("sharing") / "lab")
    said = follow(made, LAB, server)
    assert re.search(r"^\d+ files pushed$", said, flags=re.M)
    return made


def follow(repository: Repository, commands: str, server: Server) -> str:
    """Output of a page's commands, for the tiny profile and the server of the tests."""
    for name in ("AUTHOR", "COMMITTER"):
        repository.environment |= {f"GIT_{name}_NAME": "lab", f"GIT_{name}_EMAIL": "lab@localhost"}
    commands = commands.replace("https://s3.example.org", server.address).replace("@quick", "@tiny")
    done = repository.run("bash", "-e", "-c", commands)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_reader_pulls_everything_and_remakes_the_report_without_training(
    lab: Repository, server: Server, tmp_path: Path
) -> None:
    reader = lab.clone(tmp_path / "reader")
    assert not (reader.folder / "data" / "checkpoints").exists()
    follow(reader, READER, server)
    assert shared(reader) == shared(lab)
    assert "secret" not in (lab.folder / ".dvc" / "config").read_text(encoding="utf-8")

    results, report = shared(reader), reader.contents("reports/tiny")
    assert ran(follow(reader, FIGURES, server)) == ["figures@tiny", "claims@tiny", "publish@tiny"]
    assert shared(reader) == results
    again = reader.contents("reports/tiny")
    # The page alone names the commit of the code, which here is that of a repository made for the test.
    assert {name for name in report.keys() | again.keys() if report.get(name) != again.get(name)} <= {
        "index.html"
    }
    assert not (reader.folder / "data" / "resume").exists()
    assert reader.repro().strip().endswith(UP_TO_DATE)


@pytest.mark.parametrize(("cut", "when"), [("killed", 0.5), ("server gone", 0.3)])
def test_a_push_that_is_cut_off_is_completed_by_the_next(
    lab: Repository, server: Server, cut: Cut, when: float
) -> None:
    objects = len(server.names("store"))
    assert objects > 50
    assert push_cut_off(lab, server, f"store-{cut.split()[0]}", objects, cut, when) is None


@pytest.mark.parametrize("when", [0.5, 1.5], ids=["fetching", "checking out"])
def test_a_pull_that_is_killed_is_completed_by_the_next(
    lab: Repository, server: Server, tmp_path: Path, when: float
) -> None:
    assert pull_cut_off(lab, server, "store", tmp_path / "clone", "killed", when) is None


def test_a_piece_that_a_killed_pull_left_makes_no_stage_run(lab: Repository, tmp_path: Path) -> None:
    """DVC writes a file under such a name before it gives it its own."""
    reader = Repository.twin(lab.folder, tmp_path / "reader")
    for folder in ("data/notebooks/tiny/tiny-vgg11", "data/results/tiny/tiny-vgg11/06_evaluate"):
        (reader.folder / folder / ".T39nusjLvBl8PzSfgAMnAw.tmp").write_bytes(b"a piece")
    assert reader.repro("--dry").strip().endswith(UP_TO_DATE)
    assert shared(reader) == shared(lab)
