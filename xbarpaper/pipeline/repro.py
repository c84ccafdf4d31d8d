"""``dvc repro`` with stages that do not wait for one another side by side: ``python -m xbarpaper.pipeline.repro``.

DVC says which stages have changed and what they read. Each of them, and each stage after them, is a ``dvc repro -s`` in
a process of its own, begun once all that it reads is made; its evaluations and trainings share the cores with those of
the others. One last ``dvc repro`` finds everything up to date, or does what is left.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dvc.cli import main as dvc
from dvc.repo import Repo

from xbarpaper.pipeline import warm
from xbarpaper.support import cores, progress

Graph = dict[str, set[str]]
"""Stages by name, each with those whose outputs it reads."""


def changed_and_after() -> Graph:
    """The stages that DVC would run, or may have to run once those before them have."""
    with Repo() as repo:
        changed = set(repo.status())
        reads = {
            stage.addressing: {source.addressing for source in repo.index.graph.successors(stage)}
            for stage in repo.index.graph
        }
    found, more = set[str](), changed & reads.keys()
    while more:
        found |= more
        more = {name for name, sources in reads.items() if sources & found} - found
    return {name: reads[name] & found for name in found}


class SideBySide:
    """Runs the stages of a graph, at most so many at a time."""

    def __init__(self, graph: Graph, jobs: int) -> None:
        self._waiting, self._jobs = dict(graph), jobs
        self._running: dict[int, str] = {}  # by process
        self._failed = False

    def run(self) -> bool:
        """Run them all; returns whether all went well. After a failure no stage begins, and those that run go on.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; all stages have been told, and have ended.
        """
        while self._begin() or self._running:
            try:
                self._one_ends()
            except KeyboardInterrupt:
                self._stop()
                raise
        return not self._failed

    def _begin(self) -> bool:
        """Begin the stages that need not wait; returns whether any began."""
        unfinished = self._waiting.keys() | set(self._running.values())
        ready = [name for name, sources in self._waiting.items() if not sources & unfinished]
        chosen = [] if self._failed else ready[: self._jobs - len(self._running)]
        for name in chosen:
            del self._waiting[name]
            self._running[_started(name)] = name
        return bool(chosen)

    def _one_ends(self) -> None:
        process, status = os.wait()
        name = self._running.pop(process, "")
        if os.waitstatus_to_exitcode(status):
            self._failed = True
            others = ", ".join(self._running.values())
            print(f"{name}: failed{f'; waiting for {others}' if others else ''}", file=sys.stderr, flush=True)

    def _stop(self) -> None:
        for process in self._running:
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGINT)
        while self._running:
            with suppress(KeyboardInterrupt):
                self._running.pop(os.wait()[0], None)


def _started(stage: str) -> int:
    """A copy of this process, which has DVC already, that reproduces one stage."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent, process = os.getpid(), os.fork()
    if process:
        return process
    code = 1
    try:
        os.setpgid(0, 0)  # else the terminal's Ctrl-C would arrive twice
        cores.die_with(parent)
        code = dvc(["--wait-for-lock", "repro", "--single-item", stage])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0, 1 after a failure, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m xbarpaper.pipeline.repro", description=__doc__)
    parser.add_argument(
        "--jobs", type=int, default=cores.available(), help="stages at a time (default: one for each core)"
    )
    jobs = parser.parse_args(arguments).jobs
    if jobs < 1:
        parser.error(f"--jobs = {jobs} must be at least 1")
    try:
        with tempfile.TemporaryDirectory(prefix="xbarpaper-") as folder:
            os.environ[cores.VARIABLE] = f"{jobs}:{folder}"
            if jobs > 1:
                os.environ[progress.MODE] = "lines"  # bars of several stages would overwrite one another
            graph = changed_and_after() if jobs > 1 else {}
            if graph:
                with warm.waiting(Path(folder) / "warm", Path(Repo.find_root())):
                    if not SideBySide(graph, jobs).run():
                        return 1
            return 1 if dvc(["repro"]) else 0
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
