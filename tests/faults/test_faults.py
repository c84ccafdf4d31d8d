"""The campaign in short: every kind of write without room, damaged files read, and one kill of the real pipeline."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tqdm import tqdm

from xbarpaper.support import spreading

from . import counts, full_disk
from .__main__ import tried
from .damages import DAMAGES, checkpoint_tensors, read_damaged
from .kills import kill_all
from .outcomes import Faults, Outcome, clear_line, collected, lock, unlike_the_lock
from .tiny import clone, running, stages_of


def assert_survived(outcomes: list[Outcome], least: int) -> None:
    assert len(outcomes) >= least
    assert [str(outcome) for outcome in outcomes if not outcome.survived] == []


def test_no_room_for_any_kind_of_file(tmp_path: Path):
    assert_survived(list(full_disk.limited(tmp_path)), 24)


def test_damaged_files_are_refused_or_made_anew(tmp_path: Path):
    assert_survived(list(read_damaged(tmp_path, 10, seed=1)), 100)


def test_damaged_checkpoints_are_refused(tmp_path: Path):
    assert_survived(list(checkpoint_tensors(tmp_path, 10, seed=1)), 20)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_damages(damage: str):
    content, generator = bytes(range(256)), random.Random(0)
    assert all(DAMAGES[damage](content, generator) != content for _ in range(100))


@pytest.mark.slow
def test_a_killed_stage_is_run_again_and_a_damaged_input_refused(tmp_path: Path):
    """The smallest part of the pipeline: two stages, one of them killed, its cached input then damaged."""
    repository = clone(tmp_path / "clone")
    with running(repository, "train@tiny-vgg11") as process:
        assert next(stages_of(process)) == "data@tiny"
        kill_all(process)
    repository.repro("train@tiny-vgg11")
    assert list(lock(repository)) == ["data@tiny", "train@tiny-vgg11"]
    assert unlike_the_lock(repository) == []
    path = repository.folder / "data/datasets/tiny.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    done = repository.dvc("repro", "--force", "--single-item", "train@tiny-vgg11")
    assert done.returncode
    assert clear_line(done.stderr, r"^01_train: data/datasets/tiny\.safetensors: not what data@tiny wrote: ")
    repository.repro("train@tiny-vgg11")
    assert unlike_the_lock(repository) == []


@pytest.mark.slow
def test_faults_spread_over_workers_become_what_they_become_here(tmp_path: Path):
    def outcomes(scheduler: str) -> list[tuple[str, bool]]:
        plan = [
            Faults("read", "files read", collected, (read_damaged, tmp_path / scheduler / "read", 2, 1)),
            Faults("tensors", "tensors", collected, (checkpoint_tensors, tmp_path / scheduler / "t", 2, 1)),
        ]
        with spreading.opened("--scheduler", scheduler, 2) as workers, tqdm(disable=True) as bar:
            found = tried(workers, iter(plan), bar)
        return [(one.fault, one.survived) for one in found]

    here = outcomes("none")
    assert len(here) >= 24
    assert outcomes("local") == here


def test_counts_are_kept_beside_each_other(tmp_path: Path):
    path = tmp_path / "reliability.json"
    counts.keep("kills", 5, 4, "what", "command", path)
    counts.keep("caches", 1, 1, "what", "command", path)
    counts.keep("kills", 6, 6, "what", "command", path)
    assert [(kind, one["tried"]) for kind, one in counts.json.loads(path.read_text()).items()] == [
        ("caches", 1),
        ("kills", 6),
    ]
    with pytest.raises(ValueError, match=r"survived = 2 must be at most tried = 1"):
        counts.keep("caches", 1, 2, "what", "command", path)
