"""The journal of a sweep: nothing that it took is lost, and nothing damaged is taken."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from xbarpaper.experiments.journal import Journal
from xbarpaper.support.errors import ArtifactError

DIGEST = "0" * 64


def rows(seed: int | None, *gains: str, nf: float = 0.1) -> pd.DataFrame:
    """A case as a sweep measures it; what is no short decimal must come back to the last bit."""
    made = [
        {
            "effects": "both", "gain": gain, "seed": seed, "accuracy": 100 / 3 + number, "crossbars": 7,
            "nf": nf,
        }
        for number, gain in enumerate(gains)
    ]  # fmt: skip
    return pd.DataFrame(made).astype({"seed": "Int64"})


def found(path: Path, seed: int | None, *gains: str) -> pd.DataFrame | None:
    return Journal(path).rows(DIGEST, "both", seed, gains)


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    path, journal = tmp_path / "folder" / "journal", Journal(tmp_path / "folder" / "journal")
    assert not path.exists()
    cases = [rows(0, "none", "layer"), rows(1, "none"), rows(None, "layer", nf=math.nan)]
    for case in cases:
        journal.add(DIGEST, case)
    pd.testing.assert_frame_equal(found(path, 0, "none", "layer"), cases[0])
    pd.testing.assert_frame_equal(found(path, 0, "layer"), cases[0][1:].reset_index(drop=True))
    pd.testing.assert_frame_equal(found(path, None, "layer"), cases[2])
    assert found(path, 1, "none", "layer") is None
    assert found(path, 2, "none") is None
    assert Journal(path).rows("1" * 64, "both", 0, ("none",)) is None
    assert Journal(path).rows(DIGEST, "wires", 0, ("none",)) is None


def test_a_case_measured_again_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path).add(DIGEST, rows(0, "none"))
    Journal(path).add(DIGEST, rows(0, "none", "layer", nf=0.5))
    assert len(Journal(path)) == 2
    assert set(found(path, 0, "none", "layer")["nf"]) == {0.5}


def test_adding_writes_no_more_than_is_added(tmp_path: Path) -> None:
    path, journal = tmp_path / "journal", Journal(tmp_path / "journal")
    sizes = [0]
    for seed in range(20):
        journal.add(DIGEST, rows(seed, "layer"))
        sizes.append(path.stat().st_size)
        assert path.read_bytes().count(b"\n") == seed + 1
    assert max(after - before for before, after in pairwise(sizes)) < 2 * sizes[1]


def test_what_a_killed_process_had_begun_is_left_out_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "journal"
    for seed in range(2):
        Journal(path).add(DIGEST, rows(seed, "layer"))
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in (0, 1, first - 1, first, first + 1, len(whole) - 1):
        path.write_bytes(whole[:end])
        journal = Journal(path)
        assert len(journal) == (1 if end >= first else 0)
        journal.add(DIGEST, rows(1, "layer"))
        assert len(Journal(path)) == (2 if end >= first else 1)
        pd.testing.assert_frame_equal(found(path, 1, "layer"), rows(1, "layer"))
    assert capsys.readouterr().out == ""


def test_nothing_damaged_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "journal"
    for seed in range(2):
        Journal(path).add(DIGEST, rows(seed, "layer"))
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        journal = Journal(path)
        if place < len(whole) - 1:
            assert len(journal) == 0
            assert f"{path}: damaged journal, starting anew (line" in capsys.readouterr().out
        else:  # the last end of line is gone: a line that was never finished
            assert len(journal) == 1


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\n", b"a,b\n1,2\n", b"\n", b"digest,seed\nx,1\nx,1,2,3\n"])
def test_another_file_in_its_place_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    journal = Journal(path)
    assert "damaged journal, starting anew" in capsys.readouterr().out
    journal.add(DIGEST, rows(0, "layer"))
    assert len(Journal(path)) == 1


def test_a_journal_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    with pytest.raises(ArtifactError, match=r"folder/journal: cannot be written: \w+"):
        Journal(tmp_path / "folder" / "journal").add(DIGEST, rows(0, "layer"))
