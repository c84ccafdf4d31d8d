"""Tables gathered from the folders of the stages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from synthetic_results import make_params, make_results, write_stages

from xbarpaper.experiments import results
from xbarpaper.experiments.results import TABLES
from xbarpaper.support import files
from xbarpaper.support.errors import ArtifactError, ParameterError

PARAMS = make_params(2, (16, 32), further=True)
MADE = make_results(PARAMS)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    write_stages(folder, PARAMS, MADE)
    return folder


@pytest.fixture(scope="module")
def loaded(written: Path) -> results.Results:
    return results.load(PARAMS, written)


@pytest.fixture
def stages(written: Path, tmp_path: Path) -> Path:
    """A copy for a test that changes it."""
    return shutil.copytree(written, tmp_path / "stages")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_gathered_whole_and_in_one_order(loaded: results.Results, name: str) -> None:
    loaded, made, described = getattr(loaded, name), getattr(MADE, name), TABLES[name]
    assert tuple(loaded.columns) == described.columns
    assert list(loaded["experiment"].unique()) == list(described.experiments(PARAMS))
    merged = loaded.merge(made, on=list(described.keys), suffixes=("", "_made"), validate="one_to_one")
    assert len(merged) == len(loaded) == len(made)
    for column in set(described.columns) - set(described.keys):
        _assert_same(merged[column], merged[f"{column}_made"])
    shuffled = made.sample(frac=1, random_state=1)
    # Stages write these in their order.
    for told in (one for one in ("axis", "mitigation", "phases") if one in shuffled):
        ranks = {one: rank for rank, one in enumerate(loaded[told].unique())}
        shuffled = shuffled.sort_values(
            told, key=lambda column, ranks=ranks: column.map(ranks), kind="stable"
        )
    shuffled = results.sort(shuffled, described.keys, list(PARAMS.experiments))
    for key in set(described.keys) - {"layer", "part", "axis", "value", "second", "setting"}:
        _assert_same(shuffled[key], loaded[key])


def _assert_same(one: pd.Series, other: pd.Series) -> None:
    """Tables are written to nine digits."""
    pd.testing.assert_series_equal(one, other, check_names=False, check_dtype=False, rtol=1e-8)


def test_names_stand_in_the_order_of_the_parameters(loaded: results.Results) -> None:
    assert list(loaded.evaluation["mitigation"].unique()) == ["none", "R", "WCT", "R+WCT"]
    assert list(loaded.recovery["mitigation"].unique()) == list(MADE.recovery["mitigation"].unique())
    assert list(loaded.errors["layer"].unique()) == list(MADE.errors["layer"].unique())
    assert set(loaded.training["step"]) == {"trained", "fine-tuned", "wct"}


def test_written_tables_are_those_with_rows(loaded: results.Results, tmp_path: Path) -> None:
    written = loaded.write(tmp_path / "tables")
    assert [path.stem for path in written] == list(TABLES)
    again = files.read_table(written[0])["accuracy"].tolist()
    assert again == pytest.approx(loaded.evaluation["accuracy"].tolist())


def test_what_no_experiment_has_is_empty_and_not_written(tmp_path: Path) -> None:
    params = make_params(1, (16,))
    write_stages(tmp_path, params, make_results(params))
    loaded = results.load(params, tmp_path)
    absent = {
        "sensitivity", "device_effects", "recovery", "costs", "search", "strongest", "published",
        "published_like", "converters", "energy", "adversarial", "acdc", "spiking", "spiking_energy",
        "on_crossbar_training", "batch_norms",
    }  # fmt: skip
    for name in absent:
        table = getattr(loaded, name)
        assert table.empty
        assert tuple(table.columns) == TABLES[name].columns
    assert {path.stem for path in loaded.write(tmp_path / "tables")} == set(TABLES) - absent


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        ("made-up-1/07_rearrange/evaluation.csv", "rearrange@made-up-1"),
        ("made-up-1/09_mechanism/error.csv", "mechanism@made-up-1"),
        ("made-up-0/10_sensitivity/sensitivity.csv", "sensitivity@made-up-0"),
        ("made-up-0/11_beyond/costs.csv", "beyond@made-up-0"),
    ],
)
def test_a_missing_stage_names_file_and_command(stages: Path, missing: str, command: str) -> None:
    (stages / missing).unlink()
    with pytest.raises(ArtifactError, match=f"{missing}: .*`dvc repro {command}`"):
        results.load(PARAMS, stages)


def test_a_repeated_row_is_refused(stages: Path) -> None:
    path = stages / "made-up-0" / "07_rearrange" / "evaluation.csv"
    table = files.read_table(path)
    files.write_table(path, pd.concat([table, table[:1]]))
    with pytest.raises(
        ArtifactError, match="measured more than once: experiment = made-up-0, scheme = unpruned"
    ):
        results.load(PARAMS, stages)


def test_a_missing_column_is_named(stages: Path) -> None:
    path = stages / "made-up-0" / "05_map" / "layers.csv"
    files.write_table(path, files.read_table(path).drop(columns="nf"))
    with pytest.raises(ArtifactError, match=r"05_map/layers.csv: no column nf \(there are: experiment"):
        results.load(PARAMS, stages)


def test_another_profile_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"profile = paper must be that of params\.yaml, made-up"):
        results.profile_folder(PARAMS, "paper", "90_figures")
