"""``dvc repro`` with stages that do not wait for one another side by side: ``python -m xbarpaper.pipeline.repro``.

DVC says which stages have changed and what they read. Each of them, and each stage after them whose inputs come out
otherwise than before, is a ``dvc repro -s`` in a process of its own, begun once all that it reads is made; its
evaluations and trainings share the cores with those of the others. One last ``dvc repro`` finds everything up to date,
or does what is left.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from dvc.cli import main as dvc
from dvc.exceptions import NotDvcRepoError
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.rwlock import RWLockFileCorruptedError, rwlock

from xbarpaper.pipeline import warm
from xbarpaper.support import cores, git, inputs, progress
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.files import write_text


@dataclass(frozen=True)
class Stage:
    """What a stage waits for, and what it reads and writes."""

    after: set[str]
    reads: set[str]
    writes: set[str]


Graph = dict[str, Stage]
"""Stages by name."""


def changed_and_after() -> tuple[set[str], Graph]:
    """The stages that DVC would run, and these together with those that it may have to run after them."""
    with Repo() as repo:
        changed = set(repo.status())
        graph = {
            stage.addressing: Stage(
                {source.addressing for source in repo.index.graph.successors(stage)},
                {dep.def_path for dep in stage.deps},
                {out.def_path for out in stage.outs},
            )
            for stage in repo.index.graph
        }
    found, more = set[str](), changed & graph.keys()
    changed = set(more)
    while more:
        found |= more
        more = {name for name, stage in graph.items() if stage.after & found} - found
    return changed, {
        name: replace(stage, after=stage.after & found) for name, stage in graph.items() if name in found
    }


def longest_first(graph: Graph) -> list[str]:
    """The stages, those first that begin the longest chain of stages: what waits for them decides when all is done."""

    @cache
    def chain(name: str) -> int:
        return 1 + max((chain(later) for later, stage in graph.items() if name in stage.after), default=0)

    return sorted(graph, key=chain, reverse=True)


class SideBySide:
    """Runs the changed stages of a graph, and those after them whose inputs have changed; so many at a time at most."""

    def __init__(self, changed: set[str], graph: Graph, jobs: int) -> None:
        self._graph, self._changed, self._jobs = graph, set(changed), jobs
        self._waiting = longest_first(graph)
        self._written = inputs.written(Path())
        self._running: dict[int, str] = {}  # by process
        self._failed = False

    def run(self) -> bool:
        """Run them all; returns whether all went well. After a failure no stage begins, and those that run go on.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, or the like; all stages have been told, and have ended.
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
        began = False
        for name in list(self._waiting):
            unfinished = {*self._waiting, *self._running.values()}
            if self._failed or len(self._running) == self._jobs or self._graph[name].after & unfinished:
                continue
            self._waiting.remove(name)
            if name in self._changed:
                self._running[_started(name)] = name
                began = True
            else:  # what it waited for has come out as it was
                return self._begin() or began
        return began

    def _one_ends(self) -> None:
        process, status = os.wait()
        name = self._running.pop(process, None)
        if name is None:  # the process that waits with libraries loaded: stages do without it
            return
        if os.waitstatus_to_exitcode(status):
            self._failed = True
            others = ", ".join(self._running.values())
            print(f"{name}: failed{f'; waiting for {others}' if others else ''}", file=sys.stderr, flush=True)
        else:
            stage = self._graph[name]
            now = _written(stage.writes)
            new = {path for path in stage.writes if now.get(path) != self._written.get(path)}
            self._changed |= {
                other
                for other, later in self._graph.items()
                if any(inputs.meet(made, read) for made in new for read in later.reads)
            }

    def _stop(self) -> None:
        for process in self._running:
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGINT)
        while self._running:
            with suppress(KeyboardInterrupt):
                self._running.pop(os.wait()[0], None)


def _written(paths: set[str]) -> dict[str, str]:
    """What dvc.lock says of the outputs of a stage that has ended; another stage may be writing the file just now."""
    for _ in range(20):
        now = inputs.written(Path())
        if paths <= now.keys():
            break
        time.sleep(0.1)
    return now


def _started(stage: str) -> int:
    """A copy of this process, which has DVC already, that reproduces one stage."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent, process = os.getpid(), cores.fork()
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


def _do_without_git() -> None:
    """Where the source came as an archive there is no git, and DVC must be told so."""
    top = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".dvc").is_dir()), None)
    if top is None or any((folder / ".git").exists() for folder in (top, *top.parents)):
        return
    own = top / ".dvc/config.local"
    before = own.read_text(encoding="utf-8") if own.exists() else ""
    if "no_scm" not in before + (top / ".dvc/config").read_text(encoding="utf-8"):
        write_text(own, f"{before}[core]\n    no_scm = true\n")
        print("no git here: DVC does without it from now on (.dvc/config.local)", flush=True)


def _require_whole_index() -> None:
    """Refuse a folder where git keeps a part of its index in another file: DVC would stop in the midst of a stage.

    Raises:
        ArtifactError: it does, because of its setting ``core.splitIndex``.
    """
    with suppress(
        OSError
    ):  # no git, nothing to refuse; nor where the repository is another one, around this folder
        if Path(".git").exists() and git.run(Path(), "rev-parse", "--shared-index-path").stdout:
            raise ArtifactError(
                "git's index is split in two files here (core.splitIndex), which DVC cannot read; "
                "`git config core.splitIndex false && git update-index --no-split-index` makes it one"
            )


def _forget_cut_lock() -> None:
    """Remove DVC's list of files in use if it was cut short: DVC writes it in place, so a kill can leave half of it."""
    with Repo() as repo, suppress(FileNotFoundError):
        try:
            with rwlock(
                repo.tmp_dir, repo.fs, "repro", [], [], repo.config["core"].get("hardlink_lock", False)
            ):
                pass
        except RWLockFileCorruptedError:  # DVC reads it under a guard, so nobody is just writing it
            os.remove(os.path.join(repo.tmp_dir, "rwlock"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0, 1 after a failure or beside another command of DVC, 130 once stopped."""
    parser = argparse.ArgumentParser(prog="python -m xbarpaper.pipeline.repro", description=__doc__)
    parser.add_argument(
        "--jobs", type=int, default=cores.available(), help="stages at a time (default: one for each core)"
    )
    jobs = parser.parse_args(arguments).jobs
    if jobs < 1:
        parser.error(f"--jobs = {jobs} must be at least 1")
    for stop in (signal.SIGTERM, signal.SIGHUP):  # a queue's limit of time, a closed terminal
        if signal.getsignal(stop) == signal.SIG_DFL:  # not under nohup
            signal.signal(stop, signal.default_int_handler)
    cores.name_user()
    try:
        _do_without_git()
        os.chdir(Repo.find_root())  # DVC names stages by where it is called
        _require_whole_index()
        _forget_cut_lock()
        with tempfile.TemporaryDirectory(prefix="xbarpaper-") as folder:
            os.environ[cores.VARIABLE] = f"{jobs}:{folder}"
            if jobs > 1:
                os.environ[progress.MODE] = "lines"  # bars of several stages would overwrite one another
            changed, graph = changed_and_after() if jobs > 1 else (set[str](), {})
            if changed:
                with warm.waiting(Path(folder) / "warm", Path()):
                    if not SideBySide(changed, graph, jobs).run():
                        return 1
            return 1 if dvc(["repro"]) else 0
    except (NotDvcRepoError, ArtifactError, OSError) as error:  # the last where the clone is another user's
        print(error, file=sys.stderr)
        return 1
    except LockError as error:
        told = str(error).strip().splitlines()[0]
        print(
            f"another command of DVC is at work here; call this again when it has ended ({told})",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
