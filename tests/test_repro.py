"""``make repro``: stages that do not wait for one another side by side, on DVC's own graph."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from repository import wait_for

from xbarpaper.pipeline import repro

PIPELINE = """
stages:
  make:
    foreach: [one, two]
    do:
      cmd: python work.py ${item}.txt
      deps: [work.py]
      outs: ["${item}.txt"]
  total:
    cmd: cat one.txt two.txt > total.txt
    deps: [one.txt, two.txt]
    outs: [total.txt]
"""
# Each waits until the other has begun, so that one after the other would not end.
MEETING = """
import os, sys, time
open(f"begun-{sys.argv[1]}", "w").close()
while not all(os.path.exists(f"begun-{name}.txt") for name in ("one", "two")):
    time.sleep(0.02)
open(sys.argv[1], "w").write(sys.argv[1])
"""


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "work.py").write_text(MEETING)
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMAND = ("-m", "xbarpaper.pipeline.repro", "--jobs", "2")
OTHERWISE = """
import contextlib, subprocess, sys
from xbarpaper.pipeline import repro, warm
warm.waiting = lambda *_: contextlib.nullcontext({})
sys.exit(repro.main(['--jobs', '2']))
"""
# The same without the process that loads torch for notebooks: here are none, and test_warm.py has that process.
ALONE = ("-c", OTHERWISE.format(""))
# With one in its place that dies, as for want of memory.
BESIDE_A_DYING_ONE = ("-c", OTHERWISE.format("subprocess.Popen(['false'])"))


def start(command: tuple[str, ...] = ALONE, folder: Path | None = None) -> subprocess.Popen[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore SIGINT, and hand that on to the tests and to what they start.
        preexec_fn=lambda: [signal.signal(one, signal.SIG_DFL) for one in (signal.SIGINT, signal.SIGHUP)],
    )


def test_stages_run_side_by_side_and_only_those_that_changed(top: Path) -> None:
    """Wherever in the repository the command is given."""
    (top / "inner").mkdir()
    said, errors = (process := start(COMMAND, top / "inner")).communicate(timeout=600)
    assert process.returncode == 0, errors
    ran = re.findall(r"^Running stage '(.+)'", said, flags=re.M)
    assert sorted(ran[:2]) == ["make@one", "make@two"]
    assert ran[2:] == ["total"]
    assert (top / "total.txt").read_text() == "one.txttwo.txt"
    assert said.strip().endswith("Data and pipelines are up to date.")
    assert repro.changed_and_after() == (set(), {})
    (top / "one.txt").unlink()
    changed, graph = repro.changed_and_after()
    assert changed == {"make@one", "total"}
    assert {name: stage.after for name, stage in graph.items()} == {"make@one": set(), "total": {"make@one"}}


def test_the_longest_chain_begins_first() -> None:
    after = {"sum": {"long", "short"}, "short": set(), "alone": set(), "long": {"first"}, "first": set()}
    graph = {name: repro.Stage(waits, set(), set()) for name, waits in after.items()}
    assert repro.longest_first(graph) == ["first", "short", "long", "sum", "alone"]


def test_a_stage_whose_inputs_come_out_as_they_were_is_not_begun(top: Path) -> None:
    (top / "dvc.yaml").write_text(PIPELINE.replace("      deps: [work.py]\n", "      always_changed: true\n"))
    for begun in (1, 0):
        said, errors = (process := start()).communicate(timeout=600)
        assert process.returncode == 0, errors
        assert said.count("Running stage 'total'") == begun
        assert said.count("'total'") == begun + 1  # the last ``dvc repro`` looks at it


def test_after_a_failure_what_runs_ends_and_nothing_begins(top: Path) -> None:
    (top / "work.py").write_text(
        MEETING + "if sys.argv[1] == 'one.txt': os.remove(sys.argv[1]); sys.exit('one: bad')\n"
        "while not os.path.exists('told'): time.sleep(0.02)"
    )
    process, errors = start(), []
    assert process.stderr is not None
    for line in process.stderr:
        errors.append(line.rstrip("\n"))
        if errors[-1] == "make@one: failed; waiting for make@two":
            (top / "told").touch()
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "one: bad" in errors
    assert (top / "told").exists()
    assert (top / "two.txt").is_file()
    assert "'total'" not in said
    assert repro.changed_and_after()[0] == {"make@one", "total"}


def test_the_death_of_the_process_that_waits_with_libraries_loaded_fails_no_stage(top: Path) -> None:
    said, errors = (process := start(BESIDE_A_DYING_ONE)).communicate(timeout=600)
    assert (process.returncode, "failed" in errors) == (0, False), errors
    assert said.count("Running stage 'total'") == 1


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_a_queues_limit_and_a_closed_terminal_stop_all_stages(
    top: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, told: signal.Signals
) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    (top / "work.py").write_text(MEETING.replace("open(sys.argv[1]", "time.sleep(600)\nopen(sys.argv[1]"))
    process = start()
    wait_for(lambda: (top / "begun-two.txt").exists() and (top / "begun-one.txt").exists(), "not begun")
    process.send_signal(told)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "interrupted; the same command goes on"
    assert not (top / "one.txt").exists()
    assert list(temporary.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(top: Path) -> None:
    """As in a clone of another user's; here a file lies where DVC keeps what it works with."""
    (top / ".dvc/tmp").touch()
    _, errors = (process := start()).communicate(timeout=600)
    assert process.returncode == 1
    assert errors.splitlines() == [f"[Errno 17] File exists: '{top}/.dvc/tmp'"]


def test_beside_another_command_of_dvc_one_line_says_so(top: Path) -> None:
    (top / ".dvc/tmp").mkdir()
    holder = {"pid": os.getpid(), "cmd": "dvc repro"}
    (top / ".dvc/tmp/rwlock").write_text(json.dumps({"write": {str(top / "one.txt"): holder}}))
    said, errors = (process := start()).communicate(timeout=600)
    assert process.returncode == 1
    assert "Running stage" not in said
    (line,) = errors.splitlines()
    assert line.startswith("another command of DVC is at work here; call this again when it has ended (")
    assert "one.txt" in line


@pytest.mark.parametrize("left", ["", '{"write": {"/one.t'])
def test_a_list_of_files_in_use_that_a_kill_cut_short_is_forgotten(top: Path, left: str) -> None:
    (top / "dvc.yaml").write_text("stages: {one: {cmd: touch one.txt, outs: [one.txt]}}\n")
    (top / ".dvc/tmp").mkdir()
    (top / ".dvc/tmp/rwlock").write_text(left)
    _, errors = (process := start()).communicate(timeout=600)
    assert process.returncode == 0, errors
    assert (top / "one.txt").exists()


NOTEBOOK = """
import os, time
from pathlib import Path
Path("process").write_text(str(os.getpid()))
time.sleep(600)
"""
STAGE = "python -m xbarpaper.pipeline.run notebooks/a.ipynb data/a.ipynb; true"


def test_a_stage_ends_with_the_dvc_that_runs_it(top: Path) -> None:
    """Killed, DVC tells nobody; a shell stands between it and the stage."""
    (top / "params.yaml").touch()
    (top / "notebooks").mkdir()
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
    nbformat.write(node, top / "notebooks/a.ipynb")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    start = f"import os, subprocess; subprocess.run(['sh', '-c', {STAGE!r}], env=os.environ | {{'DVC_STAGE': 'a'}})"
    dvc = subprocess.Popen([sys.executable, "-c", start], env={**os.environ, "PATH": path})
    told = top / "process"
    wait_for(lambda: told.exists() and told.read_text(), "not begun")
    dvc.kill()
    dvc.wait()
    wait_for(lambda: not psutil.pid_exists(int(told.read_text())), "the stage goes on")
