"""Files are wholly there or not at all, and tables come back as they were written."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.files import atomic, read_table, require_writable, sha256, write_table, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_with_its_folders_and_without_a_trace(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a" / "b" / "text.txt", "größe\n")
    assert path.read_bytes() == "größe\n".encode()
    assert names(path.parent) == ["text.txt"]
    assert path.stat().st_mode & 0o777 == 0o644  # with the usual umask


FULL = OSError(28, "No space left on device")
TOLD = r"^\S*text\.txt: cannot be written: No space left on device$"


@pytest.mark.parametrize(
    ("error", "raised", "says"),
    [
        (ValueError("x"), ValueError, "^x$"),
        (KeyboardInterrupt(), KeyboardInterrupt, ""),
        (FULL, ArtifactError, TOLD),
    ],
    ids=repr,
)
def test_an_error_keeps_what_was_there_and_leaves_nothing_else(
    tmp_path: Path, error: BaseException, raised, says: str
) -> None:
    path = write_text(tmp_path / "text.txt", "old")

    def fail() -> None:
        with atomic(path) as temporary:
            temporary.write_text("new")
            raise error

    with pytest.raises(raised, match=says):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["text.txt"]


@pytest.mark.parametrize(
    ("name", "says"), [("folder", "Is a directory"), (f"{'long' * 80}.ipynb", "File name too long")]
)
def test_a_path_that_cannot_be_written_is_refused_beforehand(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ArtifactError, match=f"cannot be written: {says}"):
        require_writable(tmp_path / name)
    assert names(tmp_path) == ["folder"]


def test_until_the_end_the_old_file_is_seen(tmp_path: Path) -> None:
    path = write_text(tmp_path / "text.txt", "old")
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = socket.gethostname()[:40]
    other = f".other.txt.{host}-{ended.pid}-abc.txt"
    writing = f".text.txt.{host}-{os.getppid()}-abc.txt"  # of a process that still runs
    for name in (f".text.txt.{host}-{ended.pid}-abc.txt", other, writing, ".text.txt.notes-abc.txt"):
        (tmp_path / name).write_text("half")
    write_text(tmp_path / "text.txt", "new")
    assert names(tmp_path) == sorted([other, writing, ".text.txt.notes-abc.txt", "text.txt"])


BLOCKED: dict[str, Callable[[Path], object]] = {
    "a file in the place of the folder": lambda folder: write_text(folder, "in the way"),
    "a folder in the place of the file": lambda folder: (folder / "text.txt").mkdir(parents=True),
    "closed": lambda folder: folder.mkdir(mode=0o500),
}


@pytest.mark.parametrize("case", BLOCKED)
def test_what_cannot_be_written_is_one_line(tmp_path: Path, case: str) -> None:
    if case == "closed" and os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    BLOCKED[case](tmp_path / "folder")
    with pytest.raises(ArtifactError) as caught:
        write_text(tmp_path / "folder/text.txt", "new")
    assert str(caught.value).startswith(f"{tmp_path}/folder/text.txt: cannot be written: ")
    assert "\n" not in str(caught.value)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) == (case == "a file in the place of the folder")


def test_tables_keep_the_word_none_and_the_empty_cell(tmp_path: Path) -> None:
    rows = [("none", "none", None, 81.25, float("nan")), ("R", "layer", 0, 1 / 3, 0.125)]
    rows.append(("R+WCT", "none", 4, 100.0, 2.5e-7))
    table = pd.DataFrame(rows, columns=["mitigation", "gain", "seed", "accuracy", "nf"])
    path = write_table(tmp_path / "tables" / "table.csv", table.astype({"seed": "Int64"}))
    assert path.read_text().splitlines() == [
        "mitigation,gain,seed,accuracy,nf", "none,none,,81.25,", "R,layer,0,0.333333333,0.125",
        "R+WCT,none,4,100,2.5e-07",
    ]  # fmt: skip
    read = read_table(path)
    assert read["mitigation"].tolist() == ["none", "R", "R+WCT"]
    assert read["seed"].isna().tolist() == [True, False, False]
    assert read["accuracy"].tolist() == [81.25, 0.333333333, 100.0]
    assert write_table(tmp_path / "again.csv", read.astype({"seed": "Int64"})).read_text() == path.read_text()


def test_a_missing_table_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"table\.csv: no such table; `dvc repro` makes it$"):
        read_table(tmp_path / "table.csv")


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n1,2,3,4\n", b"a,\xff\xfe\n1,2\n"], ids=["empty", "ragged", "bytes"]
)
def test_a_damaged_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"table\.csv: damaged table"):
        read_table(path)


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1])
def test_sha256_of_a_file(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    assert sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
