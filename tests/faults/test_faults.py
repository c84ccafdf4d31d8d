"""The campaign in small: some hundred bad inputs of each kind, damaged files read, and writes without room."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xbarpaper.params import Params, profile
from xbarpaper.support.errors import ParameterError

from . import bad_inputs, fuzz_commands, fuzz_images, fuzz_params, fuzz_weights, writers
from .corruptions import DAMAGES, read_damaged
from .outcomes import Outcome, keep
from .survival import failure

KINDS = {fuzz_params: 40, fuzz_images: 30, fuzz_weights: 100, fuzz_commands: 20}


def assert_survived(outcomes: list[Outcome], least: int) -> None:
    assert len(outcomes) >= least
    assert [str(outcome) for outcome in outcomes if not outcome.survived] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.split("_")[-1])
def test_bad_inputs_are_survived(kind: ModuleType) -> None:
    """The first of them; and of all images and checkpoints some good ones, which must be accepted."""
    mixed = kind in (fuzz_images, fuzz_weights)
    crafted = list(kind.cases(450 if mixed else KINDS[kind], 1))
    good = [case for case in crafted if case.outcome == "accepted"][:2] if mixed else []
    assert len(crafted) >= KINDS[kind]
    assert len(good) == 2 * mixed
    assert_survived(list(bad_inputs.read([*crafted[: KINDS[kind]], *good])), KINDS[kind])


def test_a_good_profile_is_accepted(tmp_path: Path) -> None:
    good = fuzz_params.case("good", fuzz_params.written(fuzz_params.good()), "accepted")
    assert failure(good, tmp_path) is None


def test_a_reader_that_lets_errors_through_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "read_yaml", lambda path, hint="": yaml.safe_load(path.read_text()))
    (wrong,) = bad_inputs.read(case for case in fuzz_params.whole_files() if case.name.endswith("file: tabs"))
    assert str(wrong).startswith("NOT SURVIVED: params: file: tabs: ScannerError")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates()
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


# When they are first drawn: those who collect the tests need not know them.
PLACES = st.deferred(lambda: st.sampled_from(list(fuzz_params.places(Params, fuzz_params.good()))))


@given(place=PLACES, value=ANYTHING)
def test_any_value_of_any_parameter_is_valid_or_refused(tmp_path: Path, place: Any, value: Any) -> None:
    tree = fuzz_params.changed(place, lambda holder, name: holder.__setitem__(name, value))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    with contextlib.suppress(ParameterError):  # printable in one line by its type
        fuzz_params.read(tmp_path)


def test_no_room_for_any_kind_of_file(tmp_path: Path) -> None:
    assert_survived(list(writers.outcomes(tmp_path, (0.5,))), 8)


def test_damaged_files_are_refused_or_made_anew(tmp_path: Path) -> None:
    assert_survived(list(read_damaged(tmp_path, 10, seed=1)), 42)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_damages(damage: str) -> None:
    content, generator = bytes(range(256)), random.Random(0)
    assert all(DAMAGES[damage](content, generator) != content for _ in range(100))


def test_counts_are_kept_beside_each_other(tmp_path: Path) -> None:
    path = tmp_path / "reliability.json"
    keep("kills", 5, 4, "what", "command", path)
    keep("caches", 1, 1, "what", "command", path)
    keep("kills", 6, 6, "what", "command", path)
    assert [(kind, one["tried"]) for kind, one in json.loads(path.read_text()).items()] == [
        ("caches", 1),
        ("kills", 6),
    ]
    with pytest.raises(ValueError, match=r"survived = 2 must be at most tried = 1"):
        keep("caches", 1, 2, "what", "command", path)
