"""The watch itself: it must notice each of the ways in which an input is not survived."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from xbarpaper.support.errors import ArtifactError

from . import survival
from .survival import Case, failure


class CarelessError(ArtifactError):
    """An error that does not keep to one line."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


def refuses(line: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        raise CarelessError(line)

    return read


def writes_beside(folder: Path) -> None:
    (folder.parent / "escaped").write_text("x", encoding="utf-8")
    raise ArtifactError("refused, too late")


def runs_code(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)
    raise ArtifactError("refused, too late")


def takes_memory(mib: int) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        bytearray(os.urandom(1)) * (mib << 20)
        raise ArtifactError("refused, too late")

    return read


FAILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "traceback": (lambda folder: [][1], "IndexError: list index out of range"),
    "accepted": (lambda folder: None, "was accepted"),
    "two lines": (refuses("a\nb"), "not one clear line"),
    "no line": (refuses(""), "not one clear line"),
    "terminal codes": (refuses("a \x1b[31m b"), "not one clear line"),
    "a book": (refuses("x" * 5000), "a line of 5000 characters"),
    "says nothing": (refuses("no"), "does not say 'value'"),
    "warns": (lambda folder: warnings.warn("beware", stacklevel=1), "warned: beware"),
    "exit": (lambda folder: sys.exit(2), "SystemExit"),
    "writes beside": (writes_beside, "open .*/escaped"),
    "runs code": (runs_code, "subprocess.Popen"),
    "half a gigabyte": (takes_memory(450), r"took \d+ MiB"),
    "more than there is": (takes_memory(8 << 10), "MemoryError"),
    "no end": (lambda folder: time.sleep(60), "took longer than 1 seconds"),
}


@pytest.mark.parametrize("case", FAILS)
def test_what_is_not_survived_is_noticed(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survival, "SECONDS", 1 if case == "no end" else 30)
    (tmp_path / "folder").mkdir()
    read, says = FAILS[case]
    wrong = failure(Case(case, lambda folder: None, read, says="value"), tmp_path / "folder")
    assert wrong is not None
    assert re.search(says, wrong), wrong


def test_one_clear_line_is_survived(tmp_path: Path) -> None:
    good = Case(
        "good", lambda folder: (folder / "x").touch(), refuses("x = 3: the value must be 4"), says="value"
    )
    assert failure(good, tmp_path) is None
    assert failure(Case("accepted", lambda folder: None, lambda folder: None, "accepted"), tmp_path) is None
    assert failure(Case("not accepted", lambda folder: None, refuses("no"), "accepted"), tmp_path) is not None
