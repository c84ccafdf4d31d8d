"""The life of the files that a killed stage goes on from.

Each stage has a folder of them, ``data/resume/<experiment>/<stage>``, which the notebook fills. A stage that ends marks
its folder with the digest of the notebook that it wrote. The folder goes once DVC has that notebook in dvc.lock: until
then DVC may be killed, and the stage runs again.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from xbarpaper.support import files

FOLDER: Final = Path("data/resume")

STAGE: Final = "XBARPAPER_STAGE"
"""Environment variable that names the stage to its notebook."""

_MARK: Final = "finished"


def mark_finished(root: Path, target: Path) -> None:
    """Note that a stage has written its executed notebook ``target``."""
    folder = _folder(root, target)
    if folder.is_dir():
        digest = hashlib.md5(target.read_bytes(), usedforsecurity=False).hexdigest()  # as in dvc.lock
        files.write_text(folder / _MARK, f"{digest}\n")


def remove_finished(root: Path, target: Path) -> None:
    """Remove the files of all stages whose results are in dvc.lock, but not those of the stage that begins."""
    try:
        lock = (root / "dvc.lock").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    for mark in (root / FOLDER).glob(f"*/*/{_MARK}"):
        with suppress(OSError, UnicodeDecodeError):  # a stage beside this one may just remove it too
            if mark.parent != _folder(root, target) and f" {mark.read_text().strip()}\n" in lock:
                shutil.rmtree(mark.parent, ignore_errors=True)


def _folder(root: Path, target: Path) -> Path:
    return root / FOLDER / target.parent.name / target.stem
