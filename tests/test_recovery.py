"""What the mitigations win back: the share against its definition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic_results import RECOVERED, make_params, make_results

from xbarpaper.claims import recovery as winning
from xbarpaper.claims.labels import Labels
from xbarpaper.report import tables

PARAMS = make_params(1, (16, 32, 64), seeds=10, further=True)
TABLES = make_results(PARAMS)
LABELS = Labels.of(PARAMS)


def table_of(recovery: pd.DataFrame = TABLES.recovery, costs: pd.DataFrame = TABLES.costs) -> pd.DataFrame:
    return winning.recovery_table(recovery, costs, LABELS, PARAMS.claims)


def test_shares_are_those_of_the_invented_tables() -> None:
    table = table_of()
    assert len(table) == len(RECOVERED) * 4 * 3
    for row in table.itertuples():
        assert row.share == pytest.approx(100 * RECOVERED[row.mitigation], abs=4)
        assert row.share_low <= row.share <= row.share_high
        assert row.recovered == pytest.approx(row.share / 100 * row.lost)
        assert row.seeds == 10
    priced = table.set_index(["scheme", "crossbar_size", "mitigation"])
    assert priced.loc[("cf", 32, "tuned"), "training_images"] == 3500
    assert priced.loc[("cf", 32, "none"), "share"] == 0


def test_a_share_follows_its_definition() -> None:
    table = TABLES.recovery
    rows = table.query("scheme == 'xcs' and crossbar_size == 64").set_index(["mitigation", "seed"])
    none, own = rows.loc["none", "accuracy"], rows.loc["BN", "accuracy"]
    expected = (own.mean() - none.mean()) / (rows["software_accuracy"].iloc[0] - none.mean())
    made = table_of().set_index(["scheme", "crossbar_size", "mitigation"])
    assert made.loc[("xcs", 64, "BN"), "share"] == pytest.approx(100 * expected)


def test_another_gain_is_left_out_and_an_unknown_cost_stays_open() -> None:
    other = TABLES.recovery.assign(gain="none", accuracy=0.0)
    table = table_of(pd.concat([TABLES.recovery, other]), TABLES.costs[TABLES.costs["mitigation"] != "BN"])
    pd.testing.assert_series_equal(table["share"], table_of()["share"])
    assert table.loc[table["mitigation"] == "BN", "chip_images"].isna().all()


def test_where_nothing_was_lost_nothing_is_claimed() -> None:
    recovery = TABLES.recovery.copy()
    whole = (recovery["scheme"] == "cf") & (recovery["crossbar_size"] == 16)
    recovery.loc[whole, "accuracy"] = recovery.loc[whole, "software_accuracy"]
    table = table_of(recovery)
    rows = table[(table["scheme"] == "cf") & (table["crossbar_size"] == 16)]
    assert rows[["share", "share_low", "share_high"]].isna().all(axis=None)
    assert len(winning.best_mitigations(table)) == 11
    # nor does what a mitigation then costs count as lost
    worse = table.assign(recovered=table["recovered"].mask(table["share"].isna(), -50.0))
    assert tables.recovered(worse).rows == tables.recovered(table.dropna(subset="share")).rows


def test_a_single_seed_has_no_interval() -> None:
    recovery = TABLES.recovery[TABLES.recovery["seed"] == 0]
    table = table_of(recovery)
    assert table.loc[table["mitigation"] != "none", "share_low"].isna().all()
    assert np.isfinite(table["share"]).all()
