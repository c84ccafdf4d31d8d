"""A stage that DVC runs refuses inputs that are not what the stages before it wrote."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from pathlib import Path

import pytest

from xbarpaper.support import inputs
from xbarpaper.support.errors import ArtifactError

NOTEBOOK = Path("notebooks/01_train.ipynb")
CACHE = Path(".dvc/cache/files/md5")
KEPT = 'rm -f "$(dvc cache dir)/files/md5/{}/{}"'


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two stages that have run, and a third that DVC runs again."""
    (tmp_path / "data" / "tables").mkdir(parents=True)
    for name in ("one.txt", "last.txt", "tables/a.csv", "tables/b.csv"):
        (tmp_path / "data" / name).write_text(f"{name}\n1\n")
    entries = [{"md5": md5(f"tables/{name}\n1\n".encode()), "relpath": name} for name in ("a.csv", "b.csv")]
    listing = json.dumps(entries).encode()
    outs = {
        "first": {"path": "data/one.txt", "md5": md5(b"one.txt\n1\n")},
        "second": {"path": "data/tables", "md5": f"{md5(listing)}.dir"},
        "last": {"path": "data/last.txt", "md5": md5(b"last.txt\n1\n")},
    }
    lock: dict = {stage: {"cmd": "true", "outs": [out]} for stage, out in outs.items()}
    lock["last"]["deps"] = [{"path": path} for path in ("code.py", "data/one.txt", "data/tables")]
    write_lock(tmp_path, json.dumps({"stages": lock}))
    keep(tmp_path, f"{md5(listing)}.dir", listing)
    monkeypatch.setenv("DVC_STAGE", "last")
    return tmp_path


def write_lock(root: Path, content: str) -> None:
    """As a lock that nobody writes any more."""
    (root / "dvc.lock").write_text(content)
    os.utime(root / "dvc.lock", (0, 0))


def keep(root: Path, name: str, content: bytes, cache: Path = CACHE) -> Path:
    path = root / cache / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def listing(root: Path) -> Path:
    """What DVC's cache knows of the folder."""
    (path,) = (root / CACHE).rglob("*.dir")
    return path


def test_what_the_stages_wrote_is_read(root: Path) -> None:
    inputs.check(root, NOTEBOOK)


def test_own_outs_and_missing_files_are_not_its_business(root: Path) -> None:
    (root / "data" / "last.txt").write_text("of the run before")
    (root / "data" / "tables" / "b.csv").unlink()
    (root / "data" / "one.txt").unlink()
    inputs.check(root, NOTEBOOK)


@pytest.mark.parametrize("stage", [None, "", "no-such-stage"])
def test_without_dvc_nothing_is_compared(
    root: Path, monkeypatch: pytest.MonkeyPatch, stage: str | None
) -> None:
    (root / "data" / "one.txt").write_text("by hand")
    monkeypatch.delenv("DVC_STAGE") if stage is None else monkeypatch.setenv("DVC_STAGE", stage)
    inputs.check(root, NOTEBOOK)


def test_before_the_first_run_there_is_nothing_to_compare_with(root: Path) -> None:
    (root / "dvc.lock").unlink()
    inputs.check(root, NOTEBOOK)


def test_another_file_is_refused_with_what_to_do(root: Path) -> None:
    kept = md5(b"one.txt\n1\n")
    (root / "data" / "one.txt").write_text("one.txt\n2\n")
    with pytest.raises(ArtifactError) as refused:
        inputs.check(root, NOTEBOOK)
    assert str(refused.value) == (
        "data/one.txt: not what first wrote: damaged, or changed by hand; "
        f"`{KEPT.format(kept[:2], kept[2:])}; dvc repro -f -s first` makes it anew"
    )


def test_the_file_of_a_folder_is_named(root: Path) -> None:
    (root / "data" / "tables" / "b.csv").write_text("b,\n")
    with pytest.raises(ArtifactError, match=r"^data/tables/b\.csv: not what second wrote: .* -s second`"):
        inputs.check(root, NOTEBOOK)
    listing(root).unlink()  # then nothing says what the folder held
    inputs.check(root, NOTEBOOK)


def test_a_damaged_list_of_a_folder_is_refused(root: Path) -> None:
    listing(root).write_text("[]")
    with pytest.raises(ArtifactError, match=r"^data/tables: not what second wrote: .*\.dir\"; dvc repro"):
        inputs.check(root, NOTEBOOK)


def test_a_cache_elsewhere_is_found(root: Path) -> None:
    (root / "data" / "tables" / "b.csv").write_text("b,\n")
    (root / ".dvc" / "config").write_text("[cache]\n    dir = ../kept\n")
    (root / ".dvc" / "cache").rename(root / "kept")
    with pytest.raises(ArtifactError, match=r"^data/tables/b\.csv: not what second wrote: "):
        inputs.check(root, NOTEBOOK)


@pytest.mark.parametrize("content", ["stages: [", "[]", "stages: {first: 3}", "\t:"])
def test_a_damaged_lock_is_one_line(root: Path, content: str) -> None:
    write_lock(root, content)
    with pytest.raises(ArtifactError, match=r"^dvc\.lock: damaged: .*; `git checkout dvc\.lock`$") as refused:
        inputs.check(root, NOTEBOOK)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("share", [0, 0.3, 0.7])
def test_a_lock_that_another_stage_is_writing_is_read_when_it_is_whole(root: Path, share: float) -> None:
    """DVC empties the file first, and then writes piece by piece, for a second and more."""
    lock, whole = root / "dvc.lock", (root / "dvc.lock").read_text()

    def write() -> None:
        for part in (share, (1 + share) / 2, 1):
            lock.write_text(whole[: int(part * len(whole))])
            time.sleep(0.2)

    lock.write_text("")
    writer = threading.Thread(target=write)
    writer.start()
    inputs.check(root, NOTEBOOK)
    writer.join()
