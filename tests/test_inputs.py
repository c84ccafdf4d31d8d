"""A stage that DVC runs refuses inputs that are not what the stages before it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xbarpaper.pipeline import inputs
from xbarpaper.pipeline.elsewhere.identity import digest
from xbarpaper.support.errors import ArtifactError

PIPELINE = """
stages:
  first:
    cmd: "true"
    outs: [data/one.txt]
  second:
    cmd: "true"
    outs: [data/tables]
  last:
    cmd: "true"
    deps: [data/one.txt, data/tables]
    outs: [data/last.txt]
"""
CACHE = Path(".dvc/cache/files/md5")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two stages that have run, and a third that DVC runs now."""
    (tmp_path / "data" / "tables").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text("profile: tiny\n")
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    for name in ("one.txt", "last.txt", "tables/a.csv", "tables/b.csv"):
        (tmp_path / "data" / name).write_text(f"{name}\n1\n")
    made = {"first": "data/one.txt", "second": "data/tables", "last": "data/last.txt"}
    lock = {stage: {"outs": [{"path": path, "md5": digest(tmp_path, path)}]} for stage, path in made.items()}
    (tmp_path / "dvc.lock").write_text(json.dumps({"stages": lock}))
    monkeypatch.setenv("DVC_STAGE", "last")
    return tmp_path


def keep_listing(root: Path) -> None:
    """What DVC's cache knows of the folder."""
    md5 = digest(root, "data/tables")
    assert md5
    entries = [{"md5": digest(root, f"data/tables/{name}"), "relpath": name} for name in ("a.csv", "b.csv")]
    path = root / CACHE / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(entries))


def test_what_the_stages_wrote_is_read(root: Path):
    inputs.check(root)


def test_own_outs_and_missing_files_are_not_its_business(root: Path):
    (root / "data" / "last.txt").write_text("of the run before")
    (root / "data" / "one.txt").unlink()
    inputs.check(root)


@pytest.mark.parametrize("stage", [None, "", "no-such-stage"])
def test_without_dvc_nothing_is_compared(root: Path, monkeypatch: pytest.MonkeyPatch, stage: str | None):
    (root / "data" / "one.txt").write_text("by hand")
    monkeypatch.delenv("DVC_STAGE") if stage is None else monkeypatch.setenv("DVC_STAGE", stage)
    inputs.check(root)


def test_before_the_first_run_there_is_nothing_to_compare_with(root: Path):
    (root / "dvc.lock").unlink()
    inputs.check(root)


def test_another_file_is_refused_with_what_to_do(root: Path):
    kept = digest(root, "data/one.txt")
    assert kept
    (root / "data" / "one.txt").write_text("one.txt\n2\n")
    with pytest.raises(ArtifactError) as refused:
        inputs.check(root)
    assert str(refused.value) == (
        "data/one.txt: not what first wrote: damaged, or changed by hand; "
        f"`rm -f {CACHE}/{kept[:2]}/{kept[2:]}; dvc repro -f -s first` makes it anew"
    )


def test_the_file_of_a_folder_is_named_where_the_cache_lists_it(root: Path):
    (root / "data" / "tables" / "b.csv").write_text("b,\n")
    with pytest.raises(ArtifactError, match=r"^data/tables: not what second wrote: "):
        inputs.check(root)
    (root / "data" / "tables" / "b.csv").write_text("tables/b.csv\n1\n")
    keep_listing(root)
    inputs.check(root)
    (root / "data" / "tables" / "b.csv").write_text("b,\n")
    with pytest.raises(ArtifactError, match=r"^data/tables/b\.csv: not what second wrote: .* -s second`"):
        inputs.check(root)


@pytest.mark.parametrize("content", ["stages: [", "[]", "stages: {first: 3}", "\t:"])
def test_a_damaged_lock_is_one_line(root: Path, content: str):
    (root / "dvc.lock").write_text(content)
    with pytest.raises(ArtifactError, match=r"^dvc\.lock: damaged: .*; `git checkout dvc\.lock`$") as refused:
        inputs.check(root)
    assert "\n" not in str(refused.value)
