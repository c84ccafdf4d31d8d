"""Some hundred bad inputs of each kind, the campaign's in small; the whole is ``python -m tests.faults.bad_inputs``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xbarpaper import params
from xbarpaper.params import Params
from xbarpaper.support.errors import ParameterError

from . import bad_inputs, fuzz_commands, fuzz_images, fuzz_params, fuzz_weights
from .survival import Case, failure, failures

KINDS = {fuzz_params: 50, fuzz_images: 80, fuzz_weights: 120, fuzz_commands: 30}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.split("_")[-1])
def test_bad_inputs_are_survived(kind: ModuleType) -> None:
    cases = list(kind.cases(KINDS[kind], 1))
    assert len(cases) == KINDS[kind]
    assert failures(cases) == {}


@pytest.mark.parametrize("kind", [fuzz_images, fuzz_weights], ids=lambda kind: kind.__name__.split("_")[-1])
def test_good_inputs_are_among_them_and_are_accepted(kind: ModuleType) -> None:
    good = [case for case in kind.cases(450, 0) if case.outcome == "accepted"][:10]
    assert len(good) >= 2
    assert failures(good) == {}


def test_a_good_profile_is_accepted(tmp_path: Path) -> None:
    good = fuzz_params.case("good", fuzz_params.written(fuzz_params.good()), "accepted")
    assert failure(good, tmp_path) is None


def test_a_reader_that_lets_errors_through_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(params, "read_yaml", lambda path, hint="": yaml.safe_load(path.read_text()))
    wrong = failures([case for case in fuzz_params.whole_files() if case.name.endswith("file: tabs")])
    assert "ScannerError" in wrong["params: file: tabs"]


def test_a_campaign_counts_what_it_tried_and_what_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    def cases(inputs: int, seed: int) -> list[Case]:
        fine = Case("fine", lambda folder: None, lambda folder: None, "either")
        return [fine] * (inputs - 1) + [Case("crash", lambda folder: None, lambda folder: 1 / 0)]

    monkeypatch.setattr(bad_inputs, "cases", cases)
    assert bad_inputs.run(7, 0) == (7, 6)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates()
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(place=st.sampled_from(list(fuzz_params.places(Params, fuzz_params.good()))), value=ANYTHING)
def test_any_value_of_any_parameter_is_valid_or_refused(tmp_path: Path, place: Any, value: Any) -> None:
    tree = fuzz_params.changed(place, lambda holder, name: holder.__setitem__(name, value))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    with contextlib.suppress(ParameterError):  # printable in one line by its type
        fuzz_params.read(tmp_path)
