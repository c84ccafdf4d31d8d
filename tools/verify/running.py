"""A profile run from nothing, in a fresh copy of the last commit."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final

from xbarpaper.params.writing import write
from xbarpaper.support import cores, files
from xbarpaper.support import git as asked
from xbarpaper.support.errors import ArtifactError

VERIFY: Final = Path("data/verify")

_STARTED: Final = "started.json"
_THREADS: Final = re.compile(r"threads: (\d+)")


@dataclass(frozen=True)
class Run:
    """Where a profile is run again.

    Attributes:
        root: top of this artifact, in a git clone.
        profile: its name.
        folder: what is written; ``copy/`` in it is the clone, ``committed/`` the report that it holds.
        threads: for torch and the linear algebra; None leaves it to them.
        inside: where in its clone the artifact lies; not at the top where another repository holds it in a folder.
    """

    root: Path
    profile: str
    folder: Path
    threads: int | None
    inside: str = ""

    @property
    def clone(self) -> Path:
        """The fresh clone."""
        return self.folder / "copy"

    @property
    def copy(self) -> Path:
        """The artifact in the fresh clone."""
        return self.clone / self.inside

    @property
    def committed(self) -> Path:
        """The report as the commit holds it."""
        return self.folder / "committed"

    @property
    def made(self) -> Path:
        """The report that the run makes."""
        return self.copy / "reports" / self.profile


def prepare(run: Run) -> bool:
    """Make the fresh copy, or find the one that an interrupted run of the same commit left.

    Returns:
        Whether an interrupted run goes on.

    Raises:
        ArtifactError: there is no git, no commit, no such profile in it, or the folder cannot be written.
    """
    started = run.folder / _STARTED
    # What an interrupted run must have in common with this one to go on.
    common = [commit(run.root), run.profile, run.threads, sys.version, metadata.version("torch")]
    described = json.dumps(common) + "\n"
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        if started.is_file() and started.read_text(encoding="utf-8") == described:
            return True
        clear(run)
        _clone(run)
        chosen = run.copy / "profiles" / f"{run.profile}.yaml"
        if not chosen.is_file():
            known = ", ".join(sorted(path.stem for path in chosen.parent.glob("*.yaml")))
            shutil.rmtree(run.clone)
            raise ArtifactError(f"profile = {run.profile}: not in the last commit (there are: {known})")
        write(run.profile, run.copy)
        if run.threads is not None:
            settings = run.copy / "params.yaml"
            text = settings.read_text(encoding="utf-8")
            files.write_text(settings, re.sub(r"(?m)^(  threads: )\d+", rf"\g<1>{run.threads}", text))
        # Without these two nothing can be taken over from the commit: every stage runs, and writes its report.
        (run.copy / "dvc.lock").unlink(missing_ok=True)
        if run.made.is_dir():
            run.made.rename(run.committed)
        files.write_text(started, described)  # the last step: a copy without it is begun anew
    except OSError as error:
        raise ArtifactError(f"{run.folder}: cannot be written: {error.strerror or error}") from error
    return False


@contextmanager
def alone(run: Run) -> Iterator[None]:
    """Keep others out of a run's folder: of another commit, a second verification would take the copy away.

    Raises:
        ArtifactError: another verification is at work there, or the folder cannot be written.
    """
    try:
        run.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(
            run.folder.with_name(f"{run.profile}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666
        )
    except OSError as error:
        raise ArtifactError(f"{run.folder}: cannot be written: {error.strerror or error}") from error
    try:
        with suppress(OSError):  # a disk without locks, as Lustre can be
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ArtifactError(
                    f"{run.folder}: another verification is at work there; wait until it ends"
                ) from None
        yield
    finally:
        os.close(lock)


def _clone(run: Run) -> None:
    try:
        top = git(run.root, "rev-parse", "--show-toplevel")
        git(run.root, "clone", "-q", "--no-hardlinks", top, str(run.clone.resolve()))
        git(run.clone, "checkout", "-q", "--detach", commit(run.root))
    except ArtifactError:
        if asked.run(run.root, "config", "--get-regexp", r"^remote\..*\.promisor$").stdout:
            raise ArtifactError(
                f"{run.root}: this clone has not all files of its last commit; `git sparse-checkout disable` fetches them"
            ) from None
        raise


def execute(run: Run) -> None:
    """Run the pipeline in the copy, with this interpreter's programs and none of this machine's caches.

    Raises:
        ArtifactError: a stage failed; what it said stands above.
    """
    command = [sys.executable, "-m", "xbarpaper.pipeline.repro"]
    ends = partial(cores.die_with, os.getpid())  # a pipeline left behind would meet the one of the next call
    done = subprocess.run(command, cwd=run.copy, env=_environment(run), check=False, preexec_fn=ends)
    if done.returncode:
        raise ArtifactError(
            f"the pipeline ended with exit code {done.returncode} in {run.copy}; the same command goes on from there"
        )


def clear(run: Run, keep: bool = False) -> None:
    """Remove what a run made, and nothing else in its folder; a copy that is kept is not gone on with either."""
    (run.folder / _STARTED).unlink(missing_ok=True)  # first: half a copy must not be gone on with
    for made in () if keep else (run.clone, run.committed):
        shutil.rmtree(made, ignore_errors=not made.exists())


def threads_of(root: Path, profile: str) -> int | None:
    """The number of threads that the committed report was made with; None where it does not say one, as for a GPU's."""
    try:
        software = git(root, "show", f"HEAD:./reports/{profile}/tables/software.csv")
    except ArtifactError:
        return None
    found = {int(number) for number in _THREADS.findall(software)}
    return found.pop() if len(found) == 1 else None


def inside(root: Path) -> str:
    """Where in its clone a folder lies, such as ``papers/this/``; nothing at the clone's top."""
    return git(root, "rev-parse", "--show-prefix")


def commit(root: Path) -> str:
    """The last commit of a clone, in full."""
    return git(root, "rev-parse", "HEAD")


def git(folder: Path, *arguments: str) -> str:
    """Output of a git command, which calls no hook of the user's.

    Raises:
        ArtifactError: it failed, or there is no git.
    """
    try:
        done = asked.run(folder, "-c", f"core.hooksPath={os.devnull}", *arguments)
    except OSError:
        raise ArtifactError("no git: a fresh copy of the commit needs it") from None
    if done.returncode:
        said = " ".join(done.stderr.split()) or "no reason given"
        raise ArtifactError(f"git {arguments[0]} in {folder}: {said:.200}")
    return done.stdout.strip()


def _environment(run: Run) -> dict[str, str]:
    environment = dict(os.environ)
    empty = run.folder.resolve() / "no-configuration"
    # A cache that this user or this machine shares between repositories would answer instead of the run.
    environment |= {"DVC_GLOBAL_CONFIG_DIR": str(empty), "DVC_SYSTEM_CONFIG_DIR": str(empty)}
    copy = str(run.copy.resolve())
    for name, first in (("PATH", str(Path(sys.executable).parent)), ("PYTHONPATH", copy)):
        environment[name] = os.pathsep.join(filter(None, (first, environment.get(name))))
    return environment
