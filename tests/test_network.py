"""The whole pipeline, run by ``python -m xbarpaper.verify`` on a tiny profile, with the network cut off."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeParams
from repository import ROOT, Repository

from xbarpaper.verify import compare
from xbarpaper.verify.running import Run, clear, prepare, threads_of

# Every interpreter below, kernels included, writes down whom it wants to speak to.
WATCH = """
import os, sys

def note(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # others are files of this machine
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in (None, "", "localhost", "::1", "0.0.0.0") and not str(host).startswith("127."):
        with open(os.environ["XBARPAPER_WATCHED"], "a") as file:
            file.write(f"{event} {host} by {sys.argv}\\n")

sys.addaudithook(note)
"""
CUT_OFF = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def cut_off(command: list[str], folder: Path, watched: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that has a loopback and no other network."""
    watcher = watched.parent / "watcher"
    watcher.mkdir(exist_ok=True)
    (watcher / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{folder}{os.pathsep}{watcher}",
        "XBARPAPER_WATCHED": str(watched),
    }
    return subprocess.run(
        [*CUT_OFF, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def isolated(tmp_path: Path) -> None:
    """Skip where the system does not let a process have a network of its own."""
    try:
        done = cut_off([sys.executable, "-c", ""], tmp_path, tmp_path / "watched")
    except FileNotFoundError as error:
        pytest.skip(f"no {error.filename} here to cut a process off with")
    if done.returncode:
        pytest.skip(f"a network of its own is not permitted here: {done.stderr.strip():.100}")


@pytest.fixture
def repository(tmp_path: Path, make_params: MakeParams) -> Repository:
    """A copy of the repository with a tiny profile under ``profiles/``."""
    made = Repository.copy(tmp_path / "repository")
    made.activate(make_params(claims={"bootstrap_resamples": 100}))
    shutil.move(made.folder / "params.yaml", made.folder / "profiles" / "tiny.yaml")
    shutil.copy(made.folder / "profiles" / "quick.yaml", made.folder / "params.yaml")
    made.commit()
    return made


@pytest.mark.usefixtures("isolated")
def test_the_watcher_notes_what_leaves_the_machine(tmp_path: Path):
    watched = tmp_path / "watched"
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    assert cut_off([sys.executable, "-c", code], tmp_path, watched).returncode != 0
    assert "socket.connect 192.0.2.1" in watched.read_text()
    assert "Network is unreachable" in cut_off([sys.executable, "-c", code], tmp_path, watched).stderr


@pytest.mark.slow
@pytest.mark.usefixtures("isolated")
def test_verify_runs_the_pipeline_from_nothing_without_a_network(repository: Repository, tmp_path: Path):
    watched = tmp_path / "watched"
    options = ["--profile", "tiny", "--against", "reports/quick", "--threads", "1", "--keep"]
    done = cut_off([sys.executable, "-m", "xbarpaper.verify", *options], repository.folder, watched)
    assert "tiny runs from nothing" in done.stdout, done.stderr
    assert "Running stage 'publish@tiny'" in done.stdout, done.stderr
    assert not watched.exists(), watched.read_text()
    folder = repository.folder / "data" / "verify" / "tiny"
    made = folder / "copy" / "reports" / "tiny"
    assert compare(made, made).differences == []

    # another profile's report: everything is found to differ, and said
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2].endswith(" outside")
    found = json.loads((folder / "verify.json").read_text(encoding="utf-8"))
    assert (found["profile"], found["threads"]) == ("tiny", 1)
    assert found["outside"] > 0
    assert found["commit"] == repository.git("rev-parse", "HEAD")[:12]
    assert not (folder / "started.json").exists()
    assert repository.git("status", "--porcelain") == ""


# --- before and after the run -------------------------------------------------------------------------------


def test_an_interrupted_run_goes_on_and_another_commit_begins_anew(repository: Repository, tmp_path: Path):
    run = Run(repository.folder, "quick", tmp_path / "verify", 1)
    assert not prepare(run)
    assert not run.made.exists()
    assert not (run.copy / "dvc.lock").exists()
    assert compare(ROOT / "reports/quick", run.committed).differences == []
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


def test_the_run_has_as_many_threads_as_the_committed_report(repository: Repository):
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
def test_a_profile_that_cannot_be_verified_is_one_line(repository: Repository, profile: str, says: str):
    done = repository.run(sys.executable, "-m", "xbarpaper.verify", "--profile", profile)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list((repository.folder / "data" / "verify" / profile).glob("*"))


def test_dvc_tells_nobody_and_asks_nobody():
    configured = (ROOT / ".dvc" / "config").read_text(encoding="utf-8")
    for name in ("analytics", "check_update"):
        assert f"{name} = false" in configured
