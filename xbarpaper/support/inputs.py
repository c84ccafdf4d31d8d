"""A stage must read what the stages before it wrote.

DVC hashes a file again only where its size or its time has changed, and it copies files from its cache without looking
at them. A bit that flipped in either place would pass into results. So a stage that ``dvc repro`` runs first
compares its inputs with dvc.lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, Final

from xbarpaper.support.code import file_digest, record_of
from xbarpaper.support.errors import ArtifactError

_OUTPUTS: Final = ("data", "reports")
_STAGE: Final = "DVC_STAGE"  # DVC sets it for the command of a stage
_WRITING_SECONDS: Final = 1.0  # DVC writes dvc.lock in place, in pieces; between two of them passes less


def check(root: Path, started: Path | str) -> None:
    """Compare the inputs of the stage that DVC is running with what the stages that made them have in dvc.lock.

    Its code must be what the stage ``code`` has written down, too.

    The inputs are those that dvc.lock lists for the stage, so before its first run there is nothing to compare; the
    files of a folder are those that DVC's cache lists. Missing files are left to the stage itself. Without DVC nothing
    is compared.

    Args:
        root: the top of the repository.
        started: the notebook or the module that the stage executes.

    Raises:
        ArtifactError: an input differs from what the stage that makes it wrote, the code has changed since the stage
            ``code`` looked at it, or dvc.lock is damaged.
    """
    name = os.environ.get(_STAGE, "").rpartition(":")[2]
    if not name:
        return
    require_inside(root)
    while True:
        try:
            _compare_with_lock(root, name)
            break
        except ArtifactError:
            # By a stage beside this one: half of the file may say anything.
            if not _is_being_written(root / "dvc.lock"):
                raise
            time.sleep(0.1)
    _require_current(root, record_of(started))


def _compare_with_lock(root: Path, name: str) -> None:
    try:
        stages = _locked(root)
        read = [dep["path"] for dep in stages.get(name, {}).get("deps", [])]
        made = {
            out["path"]: (out["md5"], maker)
            for maker, entry in stages.items()
            for out in entry.get("outs", [])
            if "md5" in out and maker != name
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArtifactError(f"dvc.lock: damaged: {reason}; `git checkout dvc.lock`") from None
    for path, (md5, maker) in made.items():
        if any(meet(path, dep) for dep in read):
            _compare(root, path, md5, maker)


def _is_being_written(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) < _WRITING_SECONDS
    except OSError:
        return False


def _require_current(root: Path, record: Path) -> None:
    try:
        lines = (root / record).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for path, _, digest in (line.rpartition(" ") for line in lines):
        try:
            same = file_digest(root / path) == digest
        except (OSError, ArtifactError):
            same = False
        if not same:
            raise ArtifactError(f"{path}: has changed since DVC looked at the code; `dvc repro` looks again")


def require_inside(root: Path) -> None:
    """DVC keeps no output that a link leads out of the repository, and says so only once the work is done.

    Raises:
        ArtifactError: there is such a link.
    """
    for name in _OUTPUTS:
        for path in (root / name, *(root / name).glob("*")):
            if path.is_symlink() and path.is_dir() and not path.resolve().is_relative_to(root.resolve()):
                shown, there = path.relative_to(root), path.resolve()
                raise ArtifactError(
                    f"{shown}: a link to {there}, but DVC keeps only outputs inside the repository; make it a folder, "
                    f"and keep large files there: `dvc cache dir --local {there}/cache`, "
                    "`dvc config --local cache.type symlink`"
                )


def written(root: Path) -> dict[str, str]:
    """The digests of what the stages wrote last, by path, as dvc.lock has them; none where it cannot be read."""
    try:
        outs = [out for stage in _locked(root).values() for out in stage.get("outs", [])]
        return {out["path"]: out["md5"] for out in outs if "md5" in out}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def _locked(root: Path) -> dict[str, Any]:
    """The stages of dvc.lock by name, none where there is no such file."""
    from yaml import (  # papermill brings it, and it is ten times as fast as ruamel
        CSafeLoader,
        YAMLError,
        load,
    )

    try:
        text = (root / "dvc.lock").read_text(encoding="utf-8")
        stages: dict[str, Any] = load(text, CSafeLoader)["stages"]
    except FileNotFoundError:
        return {}
    except YAMLError as error:
        raise ValueError(str(error)) from None
    return stages


def meet(one: str, other: str) -> bool:
    """Whether one path is the other, or lies in it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _compare(root: Path, path: str, md5: str, maker: str) -> None:
    if not md5.endswith(".dir"):
        _compare_file(root, path, md5, maker)
        return
    kept = _kept(root, md5)
    if not kept.is_file():
        return
    content = kept.read_bytes()
    if f"{_md5(content)}.dir" != md5:
        raise _refused(path, md5, maker)
    for entry in json.loads(content):
        _compare_file(root, f"{path}/{entry['relpath']}", entry["md5"], maker)


def _compare_file(root: Path, path: str, md5: str, maker: str) -> None:
    try:
        found = _md5((root / path).read_bytes())
    except OSError:
        return
    if found != md5:
        raise _refused(path, md5, maker)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _kept(root: Path, md5: str) -> Path:
    """Where DVC keeps an object; its cache may have been moved by its configuration, of whatever level."""
    kept = root / ".dvc/cache" / _name(md5)
    if kept.is_file():
        return kept
    from dvc.config import Config  # not sooner: it takes long to import

    folder = Config(root / ".dvc").get("cache", {}).get("dir")
    return Path(folder) / _name(md5) if folder else kept


def _name(md5: str) -> str:
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def _refused(path: str, md5: str, maker: str) -> ArtifactError:
    return ArtifactError(
        f"{path}: not what {maker} wrote: damaged, or changed by hand; "
        f'`rm -f "$(dvc cache dir)/{_name(md5)}"; dvc repro -f -s {maker}` makes it anew'
    )
