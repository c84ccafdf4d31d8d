"""Commands of git that mean the folder that they are given, whatever the caller's environment and settings say."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

ELSEWHERE: Final = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX",
)  # fmt: skip
"""Environment variables that lead to one repository from whatever folder: git sets them for its hooks."""


def run(folder: Path, *arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run git in a folder, also in one of another user; it looks at the files itself, and asks no file watcher.

    Raises:
        OSError: there is no git.
        subprocess.TimeoutExpired: it takes longer than ``timeout``, seconds.
        UnicodeDecodeError: what it says is not UTF-8.
    """
    return subprocess.run(
        ["git", "-C", str(folder), "-c", "safe.directory=*", "-c", "core.fsmonitor=false", *arguments],
        capture_output=True, encoding="utf-8", check=False, timeout=timeout,
        env={n: value for n, value in os.environ.items() if n not in ELSEWHERE},
    )  # fmt: skip
