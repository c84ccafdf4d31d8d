"""The whole pipeline with the network cut off, and ``python -m tools.verify``, on a tiny profile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from conftest import MakeParams
from isolation import Isolation
from repository import ROOT, Repository, wait_for

from tools.verify import compare
from tools.verify.__main__ import main
from tools.verify.running import Run, clear, prepare, threads_of
from xbarpaper.params.writing import write


@pytest.fixture
def isolation(tmp_path: Path) -> Isolation:
    """Skips where the system does not let a process have a network of its own."""
    made = Isolation(tmp_path / "network")
    if reason := made.refused():
        pytest.skip(reason)
    return made


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, make_params: MakeParams) -> Repository:
    """What is read of the repository before a profile runs, with a tiny one under ``profiles/``."""
    only = ("data/", "dvc.", "params", "profiles/", "README", "reports/quick/claims", "reports/quick/tables")
    made = Repository.copy(tmp_path_factory.mktemp("network") / "repository", only)
    made.activate(make_params(claims={"bootstrap_resamples": 100}))
    made.keep_profile()
    write("quick", made.folder)
    made.commit()
    return made


def test_the_watcher_notes_what_leaves_the_machine(isolation: Isolation) -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    done = isolation.run(sys.executable, "-c", code)
    assert done.returncode != 0
    assert "Network is unreachable" in done.stderr
    assert "socket.connect 192.0.2.1" in isolation.watched.read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("isolation")
def test_the_pipeline_runs_without_a_network(tiny_pipeline: Path) -> None:
    network = Isolation(tiny_pipeline / "network")
    assert not network.watched.exists(), network.watched.read_text()
    watcher = network.folder / "watcher" / "sitecustomize.py"
    assert watcher.is_file(), "it ran with the network"
    assert "Running stage 'publish@tiny'" in (tiny_pipeline / "repro.log").read_text(encoding="utf-8")


@pytest.mark.slow
def test_verify_compares_what_it_makes_with_the_committed_report(tiny_pipeline: Path, tmp_path: Path) -> None:
    """It goes on where it was cut off before the last stage: all that had been done is in the copy's cache."""
    made = Repository.twin(tiny_pipeline / "copy", tmp_path / "repository")
    made.keep_profile()
    made.commit()
    threads = threads_of(made.folder, "tiny")
    assert threads == 1
    run = Run(made.folder, "tiny", made.folder / "data" / "verify" / "tiny", threads)
    assert not prepare(run)
    shutil.copytree(made.folder / ".dvc" / "cache", run.copy / ".dvc" / "cache")

    done = made.run(sys.executable, "-m", "tools.verify", "--profile", "tiny", "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tiny goes on with an interrupted run" in done.stdout
    assert "Running stage 'publish@tiny'" in done.stdout
    differences = compare(run.committed, run.made).differences
    assert [each.file for each in differences] == ["index.html"]  # which names the commit
    found = json.loads((run.folder / "verify.json").read_text(encoding="utf-8"))
    assert (found["profile"], found["threads"], found["outside"]) == ("tiny", 1, 0)
    assert found["identical"] > 50
    assert found["commit"] == made.git("rev-parse", "HEAD")[:12]
    assert not (run.folder / "started.json").exists()
    assert made.git("status", "--porcelain") == ""


# --- before and after the run -------------------------------------------------------------------------------


def test_a_killed_verification_leaves_no_pipeline_behind(tmp_path: Path) -> None:
    run = Run(ROOT, "quick", tmp_path, 1)
    stand_in = run.copy / "xbarpaper" / "pipeline" / "repro.py"
    stand_in.parent.mkdir(parents=True)
    for package in (stand_in.parent, stand_in.parents[1]):
        (package / "__init__.py").touch()
    stand_in.write_text("import os, time\nopen('process', 'w').write(f'{os.getpid()}\\n')\ntime.sleep(600)\n")
    told = f"from tools.verify.running import *\nexecute(Run(Path(), 'quick', Path({str(tmp_path)!r}), 1))"
    verification = subprocess.Popen([sys.executable, "-c", told], cwd=ROOT)
    written = run.copy / "process"
    wait_for(lambda: written.is_file() and written.read_text().endswith("\n"), "the pipeline has not begun")
    verification.terminate()
    verification.wait()
    wait_for(lambda: not psutil.pid_exists(int(written.read_text())), "the pipeline goes on", 60)


def test_an_interrupted_run_goes_on_and_another_commit_begins_anew(
    repository: Repository, tmp_path: Path
) -> None:
    run = Run(repository.folder, "quick", tmp_path / "verify", 1)
    assert not prepare(run)
    assert not run.made.exists()
    assert not (run.copy / "dvc.lock").exists()
    assert compare(repository.folder / "reports/quick", run.committed).differences == []
    (run.copy / "data" / "half").write_text("done")
    assert prepare(run)
    assert (run.copy / "data" / "half").exists()
    assert not prepare(Run(repository.folder, "quick", run.folder, 2)), "another number of threads"
    (run.copy / "data" / "half").write_text("done")
    (run.folder / "started.json").unlink()  # killed before the copy was whole
    assert not prepare(run)
    assert not (run.copy / "data" / "half").exists()
    (repository.folder / "README.md").write_text("Another commit.\n")
    repository.commit()
    assert not prepare(run)
    assert (run.copy / "README.md").read_text() == "Another commit.\n"
    (run.folder / "verify.json").write_text("{}")
    clear(run)
    assert [path.name for path in run.folder.iterdir()] == ["verify.json"]


def test_the_run_has_as_many_threads_as_the_committed_report(repository: Repository) -> None:
    table = (repository.folder / "reports/quick/tables/software.csv").read_text(encoding="utf-8")
    assert f"threads: {threads_of(repository.folder, 'quick')}" in table
    assert threads_of(repository.folder, "tiny") is None


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("huge", "profile = huge: not in the last commit (there are: "),
        ("tiny", "the last commit has no report of it"),
    ],
)
def test_a_profile_that_cannot_be_verified_is_one_line(
    repository: Repository,
    profile: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(repository.folder)
    assert main(["--profile", profile]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert says in said
    assert not list((repository.folder / "data" / "verify" / profile).glob("*"))


def test_dvc_tells_nobody_and_asks_nobody() -> None:
    configured = (ROOT / ".dvc" / "config").read_text(encoding="utf-8")
    for name in ("analytics", "check_update"):
        assert f"{name} = false" in configured
