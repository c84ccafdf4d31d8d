"""Batch norms under read noise and drift: the parts of an error, readings apart, published numbers, and the verdicts."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from circuits import IDEAL
from conftest import MakeParams
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic_results import context, make_params, make_results

from xbarpaper.claims.batch_norms import batch_norm_statements
from xbarpaper.claims.schema import OwnClaim
from xbarpaper.experiments import crossbars
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.experiments.published import batch_norms
from xbarpaper.experiments.published.numbers import lost_under_devices
from xbarpaper.experiments.results import TABLES
from xbarpaper.hardware import read_out
from xbarpaper.hardware.effects import chip

SEEDS = st.integers(0, 2**31 - 1)


def one_channel(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("tested", "before", "error", "rest"),
    [
        ((1, 2, 3), (1, 2, 3), 0.0, 0.0),
        ((2, 4, 6), (2, 4, 6), 7.0, 0.0),  # twice as large: (1 + 4 + 9) / 2, and a scale undoes it
        ((6, 7, 8), (6, 7, 8), 37.5, 0.0),  # shifted by 5
        ((1, 3, 2), (1, 3, 2), 1.0, 0.75),  # rho = 1/2
        ((3, 6, 9), (2, 4, 6), 28.0, 1.75),  # a = 1/2, b = 0: off by 0.5, 1 and 1.5
        ((1, 3, 2), (4, 4, 4), 1.0, 1.0),  # a dead channel teaches the mean alone
    ],
)
def test_parts_of_an_error_by_worked_numbers(
    tested, before: dict[str, str], error: float, rest: float
) -> None:
    found = batch_norms.error_parts(*(one_channel(*values) for values in ((1, 2, 3), tested, before)))
    assert found == pytest.approx((error, rest))


@given(seed=SEEDS, noise=st.floats(0.01, 3), scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_the_rest_is_what_a_line_for_each_channel_leaves(
    seed: int, noise: float, scale: float, shift: float
) -> None:
    """Against scipy's regression; a scale and a shift change nothing; the second principal component says the same."""
    random = np.random.default_rng(seed)
    y = random.normal(1, random.uniform(0.5, 2, (1, 3, 1, 1)), (5, 3, 4, 4))
    given_ = y + random.normal(0, noise, y.shape)
    channels = [(y[:, at].ravel(), given_[:, at].ravel()) for at in range(3)]
    lines = [stats.linregress(other, own) for own, other in channels]
    variances = [own.var() for own, _ in channels]
    expected = np.average([1 - line.rvalue**2 for line in lines], weights=variances)
    outputs, other = torch.from_numpy(y), torch.from_numpy(given_)
    error, rest = batch_norms.error_parts(outputs, other, other)
    assert rest == pytest.approx(expected, rel=1e-9)
    assert error == pytest.approx(((given_ - y) ** 2).mean((0, 2, 3)).sum() / sum(variances), rel=1e-9)
    assert rest <= error * (1 + 1e-9)
    moved = scale * other + shift
    assert batch_norms.error_parts(outputs, moved, moved)[1] == pytest.approx(rest, rel=1e-6)
    for own, seen in channels:
        # Its share of the variance of standardised pairs.
        second = np.linalg.eigvalsh(np.corrcoef(own, seen))[0] / 2
        alone = [torch.from_numpy(one).reshape(-1, 1, 1, 1) for one in (own, seen, seen)]
        assert batch_norms.error_parts(*alone)[1] == pytest.approx(1 - (1 - 2 * second) ** 2, rel=1e-6)


def test_published_losses_are_found_by_size_and_where_none_is_told_for_every_size() -> None:
    assert lost_under_devices("read noise", 0.1, 64, "none") == 26.34
    assert lost_under_devices("read noise", 0.1, 128, "norms") == 7.03
    assert [lost_under_devices("read noise", 0.15, size, "BN") for size in (64, 128)] == [10.73] * 2
    assert lost_under_devices("drift", 1e10, 64, "norms") == 5.0
    assert np.isnan(lost_under_devices("read noise", 0.1, 32, "none"))


# --- on crossbars -----------------------------------------------------------------------------------------------


@pytest.fixture
def work(
    trained_tiny: Path, tmp_path: Path, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> Experiment:
    monkeypatch.chdir(shutil.copytree(trained_tiny, tmp_path / "work"))
    noise = {"read_sigmas": (0.2,), "drift_seconds": (1e4, 1e10), "crossbar_sizes": (16,)}
    return Experiment("tiny-vgg11", make_params(published=noise))


def test_every_disturbance_is_evaluated_with_and_without_norms(
    work: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = batch_norms.evaluate(work, (100e3, "layer"))
    assert tuple(table.columns) == TABLES["batch_norms"].columns
    keys = list(TABLES["batch_norms"].keys)
    counts = table.groupby(["axis", "value"], sort=False).size().to_dict()
    assert counts == {("none", 0.0): 3, ("read noise", 0.2): 6, ("drift", 1e4): 6, ("drift", 1e10): 6}
    assert not table.duplicated(keys).any()
    assert table[["accuracy", "lost", "error", "rest"]].notna().all(axis=None)
    assert (table["lost"] == table["software_accuracy"] - table["accuracy"]).all()
    told = table[["axis", "value", "crossbar_size", "mitigation"]].itertuples(index=False)
    assert table["published"].equals(pd.Series([lost_under_devices(*one) for one in told]))
    monkeypatch.setattr(batch_norms, "adapted", None)  # from the journal, nothing is computed again
    pd.testing.assert_frame_equal(batch_norms.evaluate(work, (100e3, "layer")), table)


class Recorder:
    """A finish that keeps the network it is given."""

    def apply(self, network: torch.nn.Module, software: torch.nn.Module) -> torch.nn.Module:
        self.network = network
        return network


@pytest.mark.parametrize(
    ("acting", "reading"),
    [
        ({"read_noise": "relative", "read_factor": 0.3}, 1),  # never the noise that it is tested with
        ({"drift": "pcm", "read_at_s": 1e10}, 0),
    ],
)
def test_norms_are_adapted_at_a_reading_that_does_not_test(
    work: Experiment, acting: dict, reading: int
) -> None:
    shared, subject, seen = bench(work), crossbars.mapped(work, "unpruned", 16), Recorder()
    devices = shared.devices.nominal.model_copy(update=acting)
    here = replace(shared, devices=devices)
    found = batch_norms.adapted(subject, here, "layer", 3, {"seen": seen}, shared.images, shared.labels)
    (row,) = found.to_dict("records")
    assert row["seen"] == row["none"]  # norms as they were, on the reading that tests
    first, last = subject.mapped.layers[0].module, subject.mapped.layers[-1].module
    read = read_out(subject.mapped, devices, chip(devices, 3, reading), shared.parasitics).twin("layer")
    assert torch.equal(seen.network.get_submodule(first).weight, read.get_submodule(first).weight)
    own = subject.mapped.network.get_submodule(last).weight  # the classifier stays digital
    assert torch.equal(seen.network.get_submodule(last).weight, own)


def test_ideal_crossbars_have_no_error(work: Experiment) -> None:
    shared, subject = bench(work), crossbars.mapped(work, "unpruned", 16)
    here = replace(shared, devices=shared.devices.nominal, parasitics=IDEAL)
    found = batch_norms.adapted(subject, here, "none", None, {}, shared.images, shared.labels)
    (row,) = found.to_dict("records")
    assert row["error"] == pytest.approx(0, abs=1e-9)
    assert row["rest"] == pytest.approx(0, abs=1e-9)
    assert row["none"] == pytest.approx(subject.software_accuracy)


# --- N1 to N3 ---------------------------------------------------------------------------------------------------


def test_verdicts_follow_what_norms_win_back() -> None:
    params = make_params(1, (16, 32), further=True)
    table = make_results(params).batch_norms

    def judged(rows: pd.DataFrame) -> dict[str, OwnClaim]:
        return {one.id: one for one in batch_norm_statements(context(params), rows)}

    found = judged(table)
    assert [(name, one.overall) for name, one in found.items()] == [(f"N{n}", "supported") for n in (1, 2, 3)]
    assert found["N1"].cases[0].effect == pytest.approx(58, abs=0.5)
    assert found["N2"].cases[0].effect == pytest.approx(60 * np.mean([0.15, 0.25, 0.35]), abs=0.5)
    told = r"more in 16 of 16 cases, with a rest of [\d.]+ to 17\.5 % of the outputs' variance\.$"
    assert re.search(f"Norms win back half of the loss or {told}", found["N3"].summary)
    assert "drift for 10000 s: " in found["N1"].summary
    assert "read noise of sigma/mu 0.15: " in found["N2"].summary
    drift = table["axis"] == "drift"
    turned = table["mitigation"].map({"none": 0.0, "BN": 0.0, "norms": 5.0})
    turned += table["seed"].fillna(0) / 10 * (table["mitigation"] == "norms")
    worse = table.assign(lost=table["lost"].where(~drift, turned))
    worse["accuracy"] = worse["software_accuracy"] - worse["lost"]
    assert judged(worse)["N1"].overall == "contradicted"
    BN = table["mitigation"] == "BN"
    deaf = table.assign(lost=table["lost"].where(~BN, 2.0 + 0.01 * table["seed"].fillna(0).astype(float)))
    assert judged(deaf)["N2"].overall == "no effect"
    swapped = judged(table.rename(columns={"rest": "error", "error": "rest"}))
    assert swapped["N3"].overall == "contradicted"
    assert "N2" not in judged(table[~((table["axis"] == "read noise") & (table["value"] > 0.1))])
    guessing = judged(table.assign(accuracy=10.0))
    assert (guessing["N1"].overall, guessing["N2"].overall) == ("not testable", "not testable")
    assert "nan" not in str([one.model_dump_json() for one in (*found.values(), *guessing.values())]).lower()
    assert judged(table[:0]) == {}
