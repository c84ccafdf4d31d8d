"""What the mitigations win back: the share against its definition, the figure and its words against the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic_results import RECOVERED, make_params, make_results
from test_figures import assert_readable, legend_entries, panels

from xbarpaper import figures

PARAMS = make_params(1, (16, 32, 64), seeds=10, further=True)
TABLES = make_results(PARAMS)
LABELS = figures.Labels.of(PARAMS)


def table_of(recovery: pd.DataFrame = TABLES.recovery, costs: pd.DataFrame = TABLES.costs) -> pd.DataFrame:
    return figures.recovery_table(recovery, costs, LABELS, PARAMS.claims)


def test_shares_are_those_of_the_invented_tables():
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


def test_a_share_follows_its_definition():
    table = TABLES.recovery
    rows = table[(table["scheme"] == "xcs") & (table["crossbar_size"] == 64)].set_index(
        ["mitigation", "seed"]
    )
    none, own = rows.loc["none", "accuracy"], rows.loc["BN", "accuracy"]
    expected = (own.mean() - none.mean()) / (rows["software_accuracy"].iloc[0] - none.mean())
    made = table_of().set_index(["scheme", "crossbar_size", "mitigation"])
    assert made.loc[("xcs", 64, "BN"), "share"] == pytest.approx(100 * expected)


def test_another_gain_is_left_out_and_an_unknown_cost_stays_open():
    other = TABLES.recovery.assign(gain="none", accuracy=0.0)
    table = table_of(pd.concat([TABLES.recovery, other]), TABLES.costs[TABLES.costs["mitigation"] != "BN"])
    pd.testing.assert_series_equal(table["share"], table_of()["share"])
    assert table.loc[table["mitigation"] == "BN", "chip_images"].isna().all()


def test_figure_shows_every_mitigation_and_says_which_is_best():
    recovery = TABLES.recovery.copy()
    better = (
        (recovery["mitigation"] == "BN") & (recovery["scheme"] == "cf") & (recovery["crossbar_size"] == 16)
    )
    recovery.loc[better, "accuracy"] = 85.5
    worse = (recovery["mitigation"] == "tuned+BN") & (recovery["scheme"] == "xrs")
    recovery.loc[worse, "accuracy"] -= 6
    table = table_of(recovery)
    figure = figures.recovered_shares(table, recovery, LABELS)
    assert legend_entries(figure) == [name for name in RECOVERED if name != "none"]
    assert len(panels(figure)) == 3
    best = table.loc[table.groupby(["scheme", "crossbar_size"], sort=False)["share"].idxmax()]
    reached = (best["share"] >= 90).sum()
    assert f"The best mitigation reaches 90 % in {reached} of 12 combinations" in figure.caption
    share = table.set_index(["scheme", "crossbar_size", "mitigation"]).loc[("cf", 16, "BN"), "share"]
    assert f"C/F BN ({share:.0f} %)" in figure.caption
    assert "XRS tuned (" in figure.caption
    assert {line.get_ydata()[0] for line in panels(figure)[0].lines} >= {0, 90, 100}
    assert_readable(figure)


def test_where_nothing_was_lost_nothing_is_claimed():
    recovery = TABLES.recovery.copy()
    whole = (recovery["scheme"] == "cf") & (recovery["crossbar_size"] == 16)
    recovery.loc[whole, "accuracy"] = recovery.loc[whole, "software_accuracy"]
    table = table_of(recovery)
    rows = table[(table["scheme"] == "cf") & (table["crossbar_size"] == 16)]
    assert rows[["share", "share_low", "share_high"]].isna().all(axis=None)
    figure = figures.recovered_shares(table, recovery, LABELS)
    assert "reaches 90 % in 11 of 12 combinations" in figure.caption
    assert "In 1 combination no accuracy was lost" in figure.caption
    assert len(figures.best_mitigations(table)) == 11
    assert_readable(figure)


def test_a_ruinous_mitigation_does_not_flatten_the_others():
    recovery = TABLES.recovery.copy()
    recovery.loc[recovery["mitigation"] == "R2D", "accuracy"] = 10.0
    figure = figures.recovered_shares(table_of(recovery), recovery, LABELS)
    low, high = panels(figure)[0].get_ylim()
    assert low >= -66
    assert high >= 100
    assert "beyond the axis" in figure.caption


def test_a_single_seed_has_no_interval():
    recovery = TABLES.recovery[TABLES.recovery["seed"] == 0]
    table = table_of(recovery)
    assert table.loc[table["mitigation"] != "none", "share_low"].isna().all()
    assert np.isfinite(table["share"]).all()
    assert_readable(figures.recovered_shares(table, recovery, LABELS))
