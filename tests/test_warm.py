"""A copy of a process that has loaded torch already does what the command does by itself."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from repository import ROOT, wait_for

from xbarpaper.pipeline import warm
from xbarpaper.support import cores

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="copies of such a process are made on Linux alone"
)

CELLS = {
    "works": "import pandas, torch\nprint(sum(range(number)), torch.get_num_threads())\n"
    "pandas.DataFrame([range(12)], columns=[f'a wide column {n}' for n in range(12)])",
    "fails": "raise ValueError('no such thing')",
    "waits": "import os, time\nprint(os.getpid(), file=open('began', 'w'), flush=True)\ntime.sleep(600)",
}
METADATA = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The top of a repository with notebooks of one cell, in which a process waits."""
    top = tmp_path_factory.mktemp("warm")
    (top / "xbarpaper").symlink_to(ROOT / "xbarpaper")
    (top / "notebooks").mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        (top / name).touch()
    for name, code in CELLS.items():
        parameters = nbformat.v4.new_code_cell("number = 3", metadata={"tags": ["parameters"]})
        cells = [parameters, nbformat.v4.new_code_cell(code)]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
        nbformat.write(notebook, top / "notebooks" / f"{name}.ipynb")
    before = Path.cwd()
    # A shell's background jobs ignore SIGINT, and hand that on to the tests and to what they start.
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(top)
    try:
        with warm.waiting(tmp_path_factory.mktemp("socket") / "s", top):
            yield top
    finally:
        os.chdir(before)
        signal.signal(signal.SIGINT, interrupt)


def started(name: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command of a stage."""
    command = [sys.executable, "-m", "xbarpaper.pipeline.run", f"notebooks/{name}.ipynb", f"out/{name}.ipynb"]
    return subprocess.Popen(
        [*command, *arguments], env=os.environ | environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_copy_gives_the_same_notebook_as_the_command_alone(folder: Path) -> None:
    given = []
    for waiting in (os.environ[warm.VARIABLE], ""):
        process = started("works", "-p", "number", "5", **{warm.VARIABLE: waiting})
        assert process.wait() == 0, process.communicate()[1]
        given.append((folder / "out/works.ipynb").read_text(encoding="utf-8"))
    assert given[0] == given[1]
    assert '"10 1\\n"' in given[0]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("fails", (), "fails: ValueError: no such thing"),
        ("works", ("-p", "nothing", "1"), "works: notebooks/works.ipynb: nothing is not a parameter"),
        ("none", (), "none: notebooks/none.ipynb: no such notebook"),
    ],
)
def test_a_failure_is_told_as_the_command_alone_tells_it(
    folder: Path, name: str, arguments: tuple[str, ...], said: str
) -> None:
    process = started(name, *arguments)
    assert said in process.communicate()[1]
    assert process.returncode == 1
    assert not (folder / f"out/{name}.ipynb").exists() or name == "works"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_the_copy_ends_with_the_command(folder: Path, how: signal.Signals) -> None:
    began = folder / "began"
    began.unlink(missing_ok=True)
    process = started("waits")
    wait_for(
        lambda: process.poll() is not None or (began.exists() and began.read_text().strip()), "not begun"
    )
    copy = int(began.read_text())
    process.send_signal(how)
    assert process.wait() == (130 if how == signal.SIGINT else -signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(copy), "the copy goes on")
    assert not (folder / "out/waits.ipynb").exists()


def test_a_waiting_process_that_dies_before_it_has_read_leaves_the_stage_to_itself(
    folder: Path, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        process = started("works", **{warm.VARIABLE: str(tmp_path / "s")})
        client, _ = server.accept()
        select.select([client], [], [])
        client.close()
    assert process.wait() == 0, process.communicate()[1]


@pytest.mark.parametrize("lacks", ["sockets", "ends of processes"])
def test_where_the_system_cannot_do_it_stages_start_by_themselves(
    tmp_path: Path, lacks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.environ.get(warm.VARIABLE)
    if lacks == "ends of processes":
        monkeypatch.setattr(cores, "_PIDFD_OPEN", -1)
    with warm.waiting(tmp_path / ("a long path" * 20 if lacks == "sockets" else "s"), tmp_path):
        assert os.environ.get(warm.VARIABLE) == before
