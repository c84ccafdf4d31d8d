"""Run all in an editor: JupyterLab as ``make lab`` starts it, driven in Chromium, and what VS Code does."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import chromium
from nbclient import NotebookClient
from repository import ROOT, Repository, kill_all
from test_pipeline import UP_TO_DATE

pytestmark = pytest.mark.slow

NOTEBOOK = Path("notebooks/05_map.ipynb")
_SECONDS = 1200  # on a machine that is shared

# What the menus call, and the notebook as Lab has it then: a page shows only the cells that are in view.
_RUN_ALL = """async () => {
    const lab = window.jupyterapp;
    await lab.restored;
    const panel = lab.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await lab.commands.execute("notebook:run-all-cells");
    const ran = panel.content.model.toJSON();
    await lab.commands.execute("docmanager:save");
    return ran;
}"""


@pytest.fixture
def made(tiny_pipeline: Path, tmp_path: Path) -> Repository:
    made = Repository.twin(tiny_pipeline / "copy", tmp_path / "clone")
    theirs = ("JUPYTER", "IPYTHON", "JPY")
    made.environment = {n: value for n, value in made.environment.items() if not n.startswith(theirs)}
    made.environment |= {"HOME": str(tmp_path / "home"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    return made


def shown(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The outputs of a notebook without their numbers: pictures and tables as they are, and what was printed."""
    outputs = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error", output
            if output.get("name") != "stderr":
                outputs.append({"text": output["text"]} if "text" in output else dict(output["data"]))
    return outputs


def executed(made: Repository) -> list[dict[str, Any]]:
    """What the stage's notebook shows."""
    (path,) = (made.folder / "data/notebooks/tiny").rglob(NOTEBOOK.name)
    return shown(nbformat.read(path, as_version=4))


@contextmanager
def lab(made: Repository) -> Iterator[str]:
    """JupyterLab as ``make lab`` starts it, on a free port and without a browser; gives the notebook's address."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (command,) = re.findall(
        r"^\t@\$\(RUN\) (.*\bjupyter lab .*)$", makefile.replace("\\\n\t", ""), flags=re.M
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]  # where another process takes it until then, Jupyter takes the next
    options = (
        f"--no-browser --allow-root --port={port} --IdentityProvider.token=lab --LabApp.news_url=None "
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.expose_app_in_browser=True"
    )
    process = subprocess.Popen(
        ["sh", "-c", f"exec {command.replace('$$', '$')} {options}"], cwd=made.folder, env=made.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = _address(Path(made.environment["JUPYTER_RUNTIME_DIR"]), process)
        yield f"{address}lab/tree/{NOTEBOOK.name}?token=lab"
    finally:
        kill_all(process.pid)
        process.wait()


def _address(runtime: Path, process: subprocess.Popen[bytes]) -> str:
    written, limit = runtime / f"jpserver-{process.pid}.json", time.monotonic() + _SECONDS
    while True:
        assert process.poll() is None
        assert time.monotonic() < limit
        try:
            return str(json.loads(written.read_text(encoding="utf-8"))["url"])
        except (OSError, ValueError):  # not yet there, or half of it
            time.sleep(0.1)


def test_run_all_in_jupyterlab_shows_what_the_stage_shows_and_leaves_the_source_clean(
    made: Repository,
) -> None:
    source = (made.folder / NOTEBOOK).read_bytes()
    with chromium() as browser, lab(made) as address:
        page = browser.new_page()
        page.set_default_timeout(1000 * _SECONDS)
        page.goto(address)
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        ran = page.evaluate(_RUN_ALL)
    for cell in ran["cells"]:  # Lab has the lines as the file has them
        for output in cell.get("outputs", []):
            if isinstance(output.get("text"), list):
                output["text"] = "".join(output["text"])
    assert shown(ran) == executed(made)
    assert (made.folder / NOTEBOOK).read_bytes() == source
    assert made.git("status", "--porcelain") == ""
    assert made.dvc("status").stdout.strip() == UP_TO_DATE


def test_run_all_in_vs_code_makes_no_stage_but_code_run(
    made: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts the kernel in the notebook's folder, and saves outputs, numbers and metadata of its own."""
    path = made.folder / NOTEBOOK
    node = nbformat.read(path, as_version=4)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    NotebookClient(
        node, kernel_name="python3", timeout=_SECONDS, resources={"metadata": {"path": path.parent}}
    ).execute()
    assert shown(node) == executed(made)
    node.metadata |= {"vscode": {"interpreter": {"hash": "0" * 64}}, "orig_nbformat": 4}
    node.metadata["kernelspec"]["display_name"] = ".venv"
    for cell in node.cells:
        cell.metadata["vscode"] = {"languageId": "python"}
    nbformat.write(node, path)
    assert made.git("status", "--porcelain").split() == ["M", str(NOTEBOOK)]
    assert [line for line in made.repro("--dry").splitlines() if line.startswith("Running stage")] == [
        "Running stage 'code':"
    ]
    made.repro("code")
    made.git("checkout", "notebooks", "dvc.lock")
    assert made.git("status", "--porcelain") == ""
    assert made.dvc("status").stdout.strip() == UP_TO_DATE
