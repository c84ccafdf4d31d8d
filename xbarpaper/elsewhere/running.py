"""Executing stages without DVC."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from xbarpaper.elsewhere.identity import Record, difference, digest, params_of
from xbarpaper.elsewhere.stages import Stage, chosen, maker, parameters, read
from xbarpaper.errors import ArtifactError

_VERSIONS = "import json; from xbarpaper import checkpoints; print(json.dumps(checkpoints.versions()))"


def run(root: Path, names: Iterable[str]) -> None:
    """Execute stages in the order of their dependencies; those that are done already are not executed again.

    Args:
        root: the top of the repository.
        names: of stages.

    Raises:
        ArtifactError: there is no such stage, an input is missing, or a command failed; what comes after is not begun.
    """
    stages = read(root)
    wanted = chosen(stages, names, str(parameters(root).get("profile")))
    versions: dict[str, str] | None = None
    for number, stage in enumerate(wanted, start=1):
        label = f"[{number}/{len(wanted)}] {stage.name}"
        if in_force(root, stage):
            print(f"{label}: done already", flush=True)
            continue
        deps = {dep: _input(root, stage, dep, stages) for dep in stage.deps}
        versions = versions or _versions(root)
        print(f"{label}: {stage.command}", flush=True)
        params = params_of(root, stage)
        _clear(root, stage)
        seconds, peak_mib = _execute(root, stage)
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
        print(f"{label}: {seconds / 60:.1f} minutes, {peak_mib / 1024:.1f} GiB", flush=True)


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


def _execute(root: Path, stage: Stage) -> tuple[float, float]:
    """Seconds of a stage's command, and MiB of its largest process."""
    program, *arguments = shlex.split(stage.command)
    command = [sys.executable if program == "python" else program, *arguments]
    begun = time.perf_counter()
    try:
        process = subprocess.Popen(command, cwd=root, env=_environment(root))
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


def _environment(root: Path) -> dict[str, str]:
    """Stages find the library of this very copy, installed or not."""
    paths = [str(root), os.environ.get("PYTHONPATH")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


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
