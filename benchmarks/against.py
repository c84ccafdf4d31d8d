"""This commit against an earlier one, side by side: ``python benchmarks/against.py 16a3ab2``.

Each commit is cloned into a folder of its own. ``--environment OLD NEW`` names Python environments that have the packages
of each; otherwise both use this one. Measured for both, one after the other within each row: a stage whose notebook
only imports what a training needs, from its command to its end (``stage``); the same beside the process that `make repro`
keeps waiting, where the commit has one (``waiting``); the profile in params.yaml from nothing (``repro``); then
``dvc repro`` with nothing to do (``nothing``); and all tests, the slow ones included (``tests``), whose processor time
counts. It is missing for ``waiting`` and ``repro``: nobody is told what the process that waits has used. ``--busy``
measures all of it once more beside a process that computes all the time. Writes reports/benchmarks/against.csv.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from xbarpaper.support import files

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "reports" / "benchmarks" / "against.csv"
PARTS = ("stage", "waiting", "repro", "nothing", "tests")
_NOTEBOOK = """{"cells": [{"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [],
"source": "import torch\\nfrom xbarpaper import experiments, figures, params"}], "metadata": {"kernelspec":
{"display_name": "Python 3", "language": "python", "name": "python3"}}, "nbformat": 4, "nbformat_minor": 5}"""

_WAITING = """import sys; from pathlib import Path; from xbarpaper.pipeline import warm
with warm.waiting(Path(sys.argv[1]), Path.cwd()): sys.stdin.read()"""


class Side:
    """A clone of one commit, with what its commands need."""

    def __init__(self, commit: str, folder: Path, environment: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, folder], check=True)
        subprocess.run(["git", "checkout", "-q", "--detach", commit], cwd=folder, check=True)
        self.commit = subprocess.check_output(
            ["git", "rev-parse", "--short", "HEAD"], cwd=folder, text=True
        ).strip()
        self.python = environment / "bin" / "python"
        self.environment = {
            **os.environ,
            "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
        }

    def seconds(self, part: str) -> tuple[float, float]:
        """Seconds on the clock and of processors that a part takes.

        Raises:
            SystemExit: its command failed.
        """
        if part == "repro":
            for name in ("dvc.lock", ".dvc/cache", "data/resume"):
                path = self.folder / name
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            self.command(part), cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL, check=False
        )
        clock, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(f"against: {part} of {self.commit} failed with exit code {done.returncode}")
        return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    @contextmanager
    def beside(self, part: str) -> Iterator[None]:
        """Within the block of ``waiting`` a process waits that has answered once."""
        if part != "waiting" or not (self.folder / "xbarpaper/pipeline/warm.py").is_file():
            yield
            return
        socket = self.folder / "data/waiting"
        command = [str(self.python), "-c", _WAITING, str(socket)]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdin=subprocess.PIPE)
        self.environment["XBARPAPER_WARM"] = str(socket)
        while not socket.exists():
            time.sleep(0.1)
        self.seconds(part)  # it answers once it has loaded everything
        yield
        del self.environment["XBARPAPER_WARM"]
        process.communicate()
        socket.unlink()

    def command(self, part: str) -> list[str]:
        """What a user gives, in the form that the commit has."""
        python, new = str(self.python), (self.folder / "xbarpaper/pipeline/repro.py").is_file()
        if part in ("stage", "waiting"):
            (self.folder / "empty.ipynb").write_text(_NOTEBOOK, encoding="utf-8")
            module = ["xbarpaper.pipeline.run"] if new else ["xbarpaper.notebook", "run"]
            return [python, "-m", *module, "empty.ipynb", "data/empty.ipynb"]
        if part == "tests":
            return [python, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
        if part == "repro" and new:
            return [python, "-m", "xbarpaper.pipeline.repro"]
        return [python, "-m", "dvc", "repro"]


@contextmanager
def busy(wanted: bool) -> Iterator[None]:
    """A process beside the block that computes all the time."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if other is not None:
            other.kill()
            other.wait()


def measure(sides: list[Side], parts: list[str], rounds: int, beside: list[bool]) -> pd.DataFrame:
    """A row for each part, commit, round, and with and without a busy process."""
    rows = []
    for loaded in beside:
        for part in parts:
            for number in range(1 if part in ("repro", "tests") else rounds):
                for side in sides:
                    with busy(loaded), side.beside(part):
                        clock, processor = side.seconds(part)
                    told = math.nan if part in ("waiting", "repro") else round(processor, 2)
                    rows.append((part, side.commit, loaded, number, round(clock, 2), told))
                    print(*rows[-1], flush=True)
    columns = ["part", "commit", "busy", "round", "seconds", "processor_seconds"]
    table = pd.DataFrame(rows, columns=columns)
    table["machine"] = f"{platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}"
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("commit", help="the earlier one")
    parser.add_argument("--now", default="HEAD", help="the later one (default: HEAD)")
    parser.add_argument(
        "--environment", nargs=2, type=Path, default=[Path(sys.prefix)] * 2, metavar=("OLD", "NEW")
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3, help="of the short parts")
    parser.add_argument("--busy", action="store_true", help="a second round beside a busy process")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    parts = [part for part in PARTS if part in given.parts]  # nothing is left to do once repro has run
    with tempfile.TemporaryDirectory() as folder:
        sides = [
            Side(commit, Path(folder) / name, environment.absolute())
            for commit, name, environment in zip(
                (given.commit, given.now), ("old", "new"), given.environment, strict=True
            )
        ]
        table = measure(sides, parts, given.rounds, [False, True] if given.busy else [False])
    print(table.groupby(["part", "busy", "commit"])[["seconds", "processor_seconds"]].median().to_string())
    print(files.write_table(given.output, table))


if __name__ == "__main__":
    main()
