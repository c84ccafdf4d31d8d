"""What a stage reads must be what the stages before it wrote.

DVC looks at a file again only where its size or time changed, and copies what it keeps in its cache without looking at
all: a bit that fell over there would pass into results. So a stage under ``dvc repro`` first compares its inputs with
dvc.lock.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from xbarpaper.pipeline.elsewhere.identity import digest_of, listing
from xbarpaper.pipeline.elsewhere.stages import inside, read
from xbarpaper.support.errors import ArtifactError

_STAGE: Final = "DVC_STAGE"  # set by DVC for the command of a stage
_CACHE: Final = Path(".dvc/cache/files/md5")


def check(root: Path) -> None:
    """Compare what the stage that DVC is running reads with what dvc.lock says of it; without DVC, nothing.

    Raises:
        ArtifactError: an input is not what the stage that makes it wrote.
    """
    name = os.environ.get(_STAGE, "").rpartition(":")[2]
    stages = read(root) if name else {}
    if name not in stages:
        return
    written = _written(root)
    for maker in stages:
        for path, md5 in written.get(maker, {}).items():
            if maker != name and any(inside(path, dep) or inside(dep, path) for dep in stages[name].deps):
                _compare(root, path, md5, maker)


def _written(root: Path) -> dict[str, dict[str, str]]:
    """MD5 of the outs of every stage in dvc.lock, by path."""
    try:
        lock = YAML(typ="safe", pure=True).load((root / "dvc.lock").read_text(encoding="utf-8"))
        entries: dict[str, Any] = lock["stages"]
        return {
            stage: {out["path"]: out["md5"] for out in entry.get("outs", []) if "md5" in out}
            for stage, entry in entries.items()
        }
    except FileNotFoundError:
        return {}
    except (YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"dvc.lock: damaged: {reason}; `git checkout dvc.lock`") from None


def _compare(root: Path, path: str, md5: str, maker: str) -> None:
    found = listing(root, path)
    if found is None or digest_of(found) == md5:  # the stage itself says what is missing
        return
    kept, file = _kept(md5), path
    if md5.endswith(".dir") and (root / kept).is_file():
        try:
            wanted = {entry["relpath"]: entry["md5"] for entry in json.loads((root / kept).read_text())}
        except (ValueError, KeyError, TypeError):
            wanted = {}
        differing = [name for name in wanted if found.get(name) != wanted[name]]
        if differing:
            file, kept = f"{path}/{differing[0]}", _kept(wanted[differing[0]])
    raise ArtifactError(
        f"{file}: not what {maker} wrote: damaged, or changed by hand; `rm -f {kept}; dvc repro -f -s {maker}` "
        "makes it anew"
    )


def _kept(md5: str) -> Path:
    return _CACHE / md5[:2] / md5[2:]
