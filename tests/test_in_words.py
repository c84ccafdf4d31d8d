"""Tables for a reader: words with units, no counter of rows, nothing that is only a name in the code."""

from __future__ import annotations

import re
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from xbarpaper.claims.in_words import HEADS, in_words
from xbarpaper.claims.names import network_words
from xbarpaper.experiments.sensitivity.conventions import conventions
from xbarpaper.experiments.sensitivity.device_effects import device_effects
from xbarpaper.params import AdcName, load_profile
from xbarpaper.params.names import ADC_TITLES, DEVICE_TITLES, DriftPreset, ProgrammingPreset, ReadPreset


def test_names_units_and_gaps_of_a_plain_table() -> None:
    rows = [("cf", None, "wct", 66.25), ("xrs", 16, "pruned", np.nan)]
    table = pd.DataFrame(rows, [3, 7], ["scheme", "crossbar_size", "step", "accuracy"])
    shown = in_words(table.astype({"crossbar_size": "Int64"}))
    assert shown.index.name == "scheme"
    assert list(shown.columns) == ["crossbar", "step", "accuracy (%)"]
    assert shown.to_numpy().tolist() == [["all sizes", "after WCT", "66.25"], ["16 × 16", "pruned", "–"]]
    assert list(shown.index) == ["C/F", "XRS"]


def test_levels_of_rows_and_columns_get_words_too() -> None:
    index = pd.MultiIndex.from_product([["unpruned", "cf"], [16, 32]], names=["scheme", "crossbar_size"])
    columns = pd.MultiIndex.from_product([["none", "layer"], [2e4]], names=["gain", "r_min_ohm"])
    shown = in_words(pd.DataFrame(np.arange(8.0).reshape(4, 2), index=index, columns=columns))
    assert list(shown.index) == [
        ("unpruned", "16 × 16"), ("unpruned", "32 × 32"), ("C/F", "16 × 16"), ("C/F", "32 × 32"),
    ]  # fmt: skip
    assert list(shown.columns) == [("no gain", "20 kΩ"), ("a gain per layer", "20 kΩ")]
    assert shown.index.names == ["scheme", "crossbar"]
    assert shown.columns.names == ["readout", "R_min"]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1.0, 0.25, np.nan], ["1.00", "0.25", "–"]),
        ([-0.0, 2.0], ["0", "2"]),
        ([0.0009765625, 24.0], ["0.0009766", "24"]),
        ([0.0, 1e10], ["0", "1e+10"]),
    ],
)
def test_numbers_keep_the_digits_that_they_were_rounded_to(values: list[float], texts: list[str]) -> None:
    table = pd.DataFrame({"layer": [f"conv{n}" for n in range(len(values))], "value": values})
    assert in_words(table)["value"].tolist() == texts


def test_a_column_without_words_loses_its_underscores() -> None:
    assert "won_by_r" not in HEADS
    assert list(in_words(pd.DataFrame({"layer": ["conv1"], "won_by_r": [1.0]})).columns) == ["won by r"]


def test_a_pruned_network_in_a_sentence() -> None:
    assert network_words("cf", None) == "C/F"
    assert network_words("xcs", 16) == "XCS for 16 × 16"


def test_everything_with_a_name_in_the_parameters_has_one_for_readers() -> None:
    assert set(ADC_TITLES) == set(get_args(AdcName))
    presets = {name for kind in (ProgrammingPreset, DriftPreset, ReadPreset) for name in get_args(kind)}
    assert set(DEVICE_TITLES) == presets - {"relative"}
    titles = [*ADC_TITLES.values(), *DEVICE_TITLES.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("survey", [conventions, device_effects])
def test_places_on_an_axis_are_said_without_names_of_the_code(survey) -> None:
    params = load_profile("profiles/cifar10-small.yaml")
    for axis in survey(params).single.values():
        for value in axis.values:
            said = axis.said(value)
            assert axis.name_of(value) in said
            assert not re.search(r"[{}]|\b(on_off|hermes|pcm|rram)\b", said), said
