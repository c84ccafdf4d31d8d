"""Executing stages without DVC."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Final

from xbarpaper.params.execution import NOWHERE_ELSE
from xbarpaper.pipeline.elsewhere.identity import Record, difference, digest, params_of
from xbarpaper.pipeline.elsewhere.stages import PIPELINE, Stage, chosen, feeds, maker, parameters, read
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.spreading import VARIABLE, Task, opened

_LOCAL_WORKERS: Final = 2
_PR_SET_PDEATHSIG: Final = 1  # Linux: prctl(2)

_VERSIONS = (
    "import json; from xbarpaper.experiments import checkpoints; print(json.dumps(checkpoints.versions()))"
)


def run(root: Path, names: Iterable[str], scheduler: str = NOWHERE_ELSE) -> None:
    """Execute stages in the order of their dependencies; those that are done already are not executed again.

    Args:
        root: the top of the repository.
        names: of stages.
        scheduler: none executes one after another; otherwise stages that do not wait for one another run side by side
            on the workers of a Dask scheduler, which see the same folder.

    Raises:
        ArtifactError: there is no such stage, an input is missing, or a command failed; what comes after is not begun,
            and what is running is waited for.
    """
    stages = read(root)
    wanted = chosen(stages, names, str(parameters(root).get("profile")))
    labels = {one.name: f"[{at}/{len(wanted)}] {one.name}" for at, one in enumerate(wanted, start=1)}
    waiting, running = list(wanted), list[Stage]()
    problem: ArtifactError | None = None
    with opened("--scheduler", scheduler, _LOCAL_WORKERS) as found:
        while True:
            try:
                while problem is None and found.room > 0 and (stage := _ready(waiting, running)):
                    waiting.remove(stage)
                    if in_force(root, stage):
                        print(f"{labels[stage.name]}: done already", flush=True)
                        continue
                    for dep in stage.deps:
                        _input(root, stage, dep, stages)
                    print(f"{labels[stage.name]}: {stage.command}", flush=True)
                    arguments = (str(root), stage.name, scheduler != NOWHERE_ELSE)
                    found.submit(Task(stage, stage.name, execute, arguments))
                    running.append(stage)
                if not found.busy:
                    break
                done, (seconds, peak_mib) = found.next()
            except ArtifactError as error:
                problem = problem or error
                continue
            running.remove(done.key)
            print(f"{labels[done.label]}: {seconds / 60:.1f} minutes, {peak_mib / 1024:.1f} GiB", flush=True)
    if problem is not None:
        raise problem


def _ready(waiting: Iterable[Stage], running: Iterable[Stage]) -> Stage | None:
    """The first stage that waits for no other."""
    others = [*waiting, *running]
    return next((one for one in waiting if not any(feeds(other, one) for other in others)), None)


def execute(root: str | Path, name: str, spread_out: bool = False) -> tuple[float, float]:
    """Execute one stage, on whatever machine this is, and record it.

    Args:
        root: the top of the repository.
        name: of the stage.
        spread_out: whether other stages may run elsewhere at the same time.

    Returns:
        Seconds of its command, and MiB of its largest process.

    Raises:
        ArtifactError: the folder or an input is missing here, or the command failed.
    """
    root = Path(root)
    if not (root / PIPELINE).is_file():
        raise ArtifactError(
            f"{name}: {root} is not on the worker {socket.gethostname()}; workers share the folder"
        )
    stages = read(root)
    stage = stages[name]
    with _alone(root, stage) if spread_out else nullcontext():
        if record := in_force(root, stage):  # an earlier run, given up for lost, has ended meanwhile
            return record.seconds, record.peak_mib
        deps = {dep: _input(root, stage, dep, stages) for dep in stage.deps}
        versions = _versions(root)
        params = params_of(root, stage)
        _clear(root, stage)
        seconds, peak_mib = _execute(root, stage, spread_out)
        record = Record(
            stage=stage.name,
            command=stage.command,
            deps=deps,
            params=params,
            outs={out: _output(root, stage, out) for out in stage.outs},
            seconds=round(seconds, 1),
            peak_mib=round(peak_mib, 1),
            versions=versions,
            commit=_commit(root),
        )
        record.write(root)
    return seconds, peak_mib


@contextmanager
def _alone(root: Path, stage: Stage) -> Iterator[None]:
    """Wait until nobody else executes this stage in this folder: a worker given up for lost may still be at it."""
    path = Record.path(root, stage.name).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def in_force(root: Path, stage: Stage) -> Record | None:
    """The record of a stage if its outs are there and belong to the command, parameters and inputs of now."""
    record = Record.of(root, stage.name)
    if record is None or difference(stage, record, params_of(root, stage)):
        return None
    if set(record.deps) != set(stage.deps) or set(record.outs) != set(stage.outs):
        return None
    same = all(digest(root, path) == md5 for path, md5 in {**record.deps, **record.outs}.items())
    return record if same else None


def _input(root: Path, stage: Stage, dep: str, stages: dict[str, Stage]) -> str:
    found = digest(root, dep)
    if found is None:
        source = maker(stages, dep)
        hint = f"; {source.name} makes it" if source else ""
        raise ArtifactError(f"{stage.name}: {dep} is missing{hint}")
    return found


def _output(root: Path, stage: Stage, out: str) -> str:
    found = digest(root, out)
    if found is None:
        raise ArtifactError(f"{stage.name}: its command did not make {out}")
    return found


def _clear(root: Path, stage: Stage) -> None:
    """As DVC does: no stage finds what an earlier run of it left, and no record outlives its outs."""
    Record.path(root, stage.name).unlink(missing_ok=True)
    for out in stage.outs:
        path = root / out
        if out in stage.kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _execute(root: Path, stage: Stage, spread_out: bool) -> tuple[float, float]:
    """Seconds of a stage's command, and MiB of its largest process."""
    program, *arguments = shlex.split(stage.command)
    command = [sys.executable if program == "python" else program, *arguments]
    environment = _environment(root)
    if spread_out:  # a worker that waited for other workers could wait for ever
        environment[VARIABLE] = NOWHERE_ELSE
    begun = time.perf_counter()
    try:
        process = subprocess.Popen(
            command, cwd=root, env=environment, preexec_fn=_die_with_parent() if spread_out else None
        )
    except OSError as error:
        raise ArtifactError(f"{stage.name}: {program} cannot be started: {error.strerror}") from None
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except KeyboardInterrupt:  # the command has got it too
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ArtifactError(f"{stage.name}: its command failed with exit code {process.returncode}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return time.perf_counter() - begun, usage.ru_maxrss / unit


def _die_with_parent() -> Callable[[], None] | None:
    """For the child: where a worker is killed its command goes too, or two would write the same files."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded before the fork: little is safe after it
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _environment(root: Path) -> dict[str, str]:
    """Stages find the library of this very copy, installed or not."""
    paths = [str(root), os.environ.get("PYTHONPATH")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


@cache
def _versions(root: Path) -> dict[str, str]:
    """Asked of another process: this one stays small, so that its memory is not taken for that of the stages."""
    done = subprocess.run(
        [sys.executable, "-c", _VERSIONS],
        cwd=root,
        env=_environment(root),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ArtifactError(f"torch cannot be used here: {reason}")
    return {str(name): str(value) for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


def _commit(root: Path) -> str | None:
    """The commit of the code, marked where files differ from it; None where git does not know."""
    if shutil.which("git") is None or not (root / ".git").exists():
        return None
    head, changed = (
        subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
        for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    )
    if head.returncode or changed.returncode:
        return None
    return head.stdout.strip() + (" with changes" if changed.stdout.strip() else "")
