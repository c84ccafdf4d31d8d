"""The survey of conventions: which points there are, that they are right and evaluated once, and what is made of them."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import MakeParams
from subjects import Calls, trained_in

from xbarpaper.claims import regions
from xbarpaper.data import ImageSet
from xbarpaper.experiments import crossbars, evaluation, pruned
from xbarpaper.experiments.bench import bench as bench_of
from xbarpaper.experiments.evaluation import Case, sweep
from xbarpaper.experiments.experiment import UNPRUNED, Experiment
from xbarpaper.experiments.journal import Journal
from xbarpaper.experiments.sensitivity import axes, evaluating, points, sparsities
from xbarpaper.experiments.sensitivity.conventions import conventions
from xbarpaper.experiments.sensitivity.device_effects import device_effects
from xbarpaper.mitigation import NONE, WCT, R
from xbarpaper.networks import inference, training
from xbarpaper.networks.inference import accuracy
from xbarpaper.params import GAINS, MITIGATIONS, SCHEMES, Params
from xbarpaper.support.files import read_table, write_table

NAME = "tiny-vgg11"
COLUMNS = [
    "experiment", "dataset", "network", "axis", "value", "second", "scheme", "sparsity", "crossbar_size", "mitigation",
    "seed", "accuracy", "software_accuracy",
]  # fmt: skip
SETTINGS = {
    "sparsities": (0.0, 0.6, 0.8), "crossbar_sizes": (8, 12, 16), "w_max_quantiles": (1.0, 0.9),
    "driver_factors": (2.0,), "test_images": 30,
}  # fmt: skip


@dataclass(frozen=True)
class Done:
    """A tiny experiment, mapped out."""

    folder: Path
    params: Params
    trained: pd.DataFrame
    table: pd.DataFrame


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, make_params: MakeParams, tiny_images: ImageSet) -> Done:
    folder = tmp_path_factory.mktemp("sensitivity")
    fewer = {
        "on_off_ratios": (10.0,), "crossbar_sizes": (8, 16), "driver_factors": (1.0,), "variation_sigmas": (0.1,),
    }  # fmt: skip
    params = make_params(sensitivity=SETTINGS | fewer, train={"epochs": 24})
    work = trained_in(folder, params, tiny_images)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        others = sparsities.train(work)
        return Done(folder, params, others, evaluated(work))


@pytest.fixture
def work(done: Done, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    monkeypatch.chdir(done.folder)
    return Experiment(NAME, done.params)


def evaluated(work: Experiment) -> pd.DataFrame:
    return evaluating.evaluate(work, conventions(work.params), sparsities.at_sparsity)


def rows_at(table: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    for name, value in wanted.items():
        table = table[table[name] == value]
    return table.reset_index(drop=True)


# --- the plan -----------------------------------------------------------------------------------------------


def test_every_axis_passes_through_the_profile_s_own_point(make_params: MakeParams) -> None:
    params = make_params(sensitivity=SETTINGS)
    surveyed = conventions(params)
    planned = points.plan(surveyed, params, NAME)
    own = axes.own_conditions(params, NAME, params.sensitivity.crossbar_size)
    at_home = axes.own_values(surveyed, params, NAME)
    for axis, value in at_home.items():
        (point,) = (point for point in planned if point.axis == axis and point.value == value)
        assert point.at == own
    for axis in surveyed.maps:
        assert sum(point.at == own for point in planned if point.axis == axis) == 1
    values = {
        axis: [point.label for point in planned if point.axis == axis]
        for axis in (*surveyed.single, *surveyed.maps)
    }
    assert values["drivers"] == ["1", "2"]  # the own one is not in the profile's list
    assert values["on_off"] == ["10", "100"]
    assert values["w_max"] == ["0.9", "1"]
    assert values["gain"] == list(GAINS)
    assert len(values["on_off_by_w_max"]) == len(values["on_off"]) * len(values["w_max"])


def test_each_axis_changes_one_thing(make_params: MakeParams) -> None:
    params = make_params(sensitivity=SETTINGS)
    own = axes.own_conditions(params, NAME, params.sensitivity.crossbar_size)

    def with_parasitics(**changes: float) -> axes.Conditions:
        return replace(own, parasitics=own.parasitics.model_copy(update=changes))

    ends = {"driver_ohm": 2 * own.parasitics.driver_ohm, "sense_ohm": 2 * own.parasitics.sense_ohm}
    changed = {
        "on_off": replace(own, devices=own.devices.model_copy(update={"r_max_ohm": 2e6})),
        "sigma": replace(own, devices=own.devices.model_copy(update={"variation_sigma": 0.0})),
        "w_max": replace(own, w_max_quantile=0.9),
        "wires": with_parasitics(row_wire_ohm=0.0, column_wire_ohm=0.0),
        "drivers": with_parasitics(**ends),
        "sparsity": replace(own, sparsity=0.8),
        "size": replace(own, crossbar_size=12),
    }
    at = {(point.axis, point.at) for point in points.plan(conventions(params), params, NAME)}
    assert {(axis, conditions) for axis, conditions in changed.items()} <= at
    assert {("gain", replace(own, gain=gain)) for gain in GAINS} <= at


def test_each_effect_of_the_devices_is_an_axis_from_weak_to_strong(make_params: MakeParams) -> None:
    settings = {
        "levels": (16, 4), "programming_noises": ("sonos", "hermes-1"), "programming_factors": (1.0, 2.0),
        "clusters": (0.1,),
    }  # fmt: skip
    params = make_params(effects=settings)
    surveyed = device_effects(params)
    own = axes.own_conditions(params, NAME, params.effects.crossbar_size)
    planned = points.plan(surveyed, params, NAME)
    at = {(point.axis, point.label): point.at for point in planned}
    for axis in surveyed.single:
        assert [point.at == own for point in planned if point.axis == axis].index(True) == 0
        assert sum(point.at == own for point in planned if point.axis == axis) == 1
    assert params.effects.technology == "pcm"
    for place, changes in {
        ("levels", "4"): {"levels": 4},
        ("programming", "hermes-1"): {"programming_noise": "hermes-1"},
        ("programming_factor", "2"): {"programming_noise": "pcm", "programming_factor": 2.0},
        ("drift", "24"): {"drift": "pcm", "read_at_s": 86400.0},
        ("drift_compensated", "24"): {"drift": "pcm", "read_at_s": 86400.0, "drift_compensation": "global"},
        ("stuck_low", "0.1"): {"stuck_low": 0.1},
        ("stuck_high", "0.001"): {"stuck_high": 0.001},
        ("clusters", "0.1"): {"stuck_low": 0.1, "stuck_side": 4},
        ("read_factor", "1"): {"read_noise": "pcm"},
    }.items():
        assert at[place] == own.with_devices(**changes)
    assert [point.label for point in planned if point.axis == "levels"] == ["any", "16", "4"]
    none = make_params(effects={name: () for name in settings})
    assert list(device_effects(none).single) == [
        "drift", "drift_compensated", "stuck_low", "stuck_high", "read_factor",
    ]  # fmt: skip


def test_schemes_that_are_trained_for_a_size_stay_at_theirs(make_params: MakeParams) -> None:
    params = make_params(sensitivity=SETTINGS)
    planned = points.plan(conventions(params), params, NAME)
    schemes = {point.at.crossbar_size: point.schemes for point in planned if point.axis == "size"}
    assert schemes == {8: SCHEMES, 12: ("unpruned", "cf"), 16: SCHEMES}


# --- the table ----------------------------------------------------------------------------------------------


def test_every_point_is_in_the_table(done: Done) -> None:
    assert list(done.table.columns) == COLUMNS
    planned = points.plan(conventions(done.params), done.params, NAME)
    cells = sum(len(point.schemes) for point in planned)
    assert len(done.table) == cells * len(MITIGATIONS) * done.params.sensitivity.variation_seeds
    assert not done.table.duplicated(COLUMNS[:-2]).any()
    assert done.table["second"].notna().equals(done.table["axis"].isin(conventions(done.params).maps))
    assert done.table["accuracy"].between(0, 100).all()
    assert done.table["accuracy"].nunique() > 4  # networks have learnt something: tests below compare them


def test_points_that_coincide_have_the_same_rows(done: Done) -> None:
    at_home = axes.own_values(conventions(done.params), done.params, NAME)
    own = {axis: axes.text_of(value) for axis, value in at_home.items()}
    first = rows_at(done.table, axis="on_off", value=own["on_off"])
    for axis, value in own.items():
        found = rows_at(done.table, axis=axis, value=value)
        pd.testing.assert_frame_equal(found[COLUMNS[6:]], first[COLUMNS[6:]])
    on_map = rows_at(done.table, axis="wires_by_drivers", value="0", second=1.0)
    on_axis = rows_at(done.table, axis="wires", value="0")
    on_axis = on_axis[on_axis["scheme"].isin(["unpruned", "cf"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(on_map[COLUMNS[6:]], on_axis[COLUMNS[6:]])


def test_points_equal_the_sweep(work: Experiment, done: Done, tmp_path: Path) -> None:
    bench = evaluating.subset(bench_of(work), 30)
    cases = [Case("both", seed, GAINS) for seed in range(2)]
    for scheme in SCHEMES:
        for mitigation in (NONE, R + WCT):
            subject = crossbars.mapped(work, scheme, 8, mitigation)
            swept = sweep([subject], cases, bench, tmp_path / "journal.csv")
            for gain in GAINS:
                place = {"axis": "gain", "value": gain, "scheme": scheme, "mitigation": mitigation.name}
                found = rows_at(done.table, **place)
                assert found["accuracy"].tolist() == swept.loc[swept["gain"] == gain, "accuracy"].tolist()


def test_another_sparsity_is_a_network_of_its_own(work: Experiment, done: Done, tmp_path: Path) -> None:
    there = sparsities.at_sparsity(work, 0.8)
    folder = work.checkpoint_path(UNPRUNED).parent / "sensitivity" / "sparsity-0.8"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")}
    assert names == {
        *(f"{one}.safetensors" for one in ("cf/cf", "xcs/xcs-8", "xrs/xrs-8")),
        *(f"wct/{one}.safetensors" for one in ("cf", "xcs-8", "xrs-8")),
    }
    assert done.trained["sparsity"].unique().tolist() == [0.8]
    bench = evaluating.subset(bench_of(work), 30)
    for scheme in ("cf", "xrs"):
        subject = crossbars.mapped(there, scheme, 8, WCT)
        assert subject.mapped.pruned.sparsity() > 0.7
        swept = sweep([subject], [Case("both", 1, ("layer",))], bench, tmp_path / "journal.csv")
        row = rows_at(done.table, axis="sparsity", value="0.8", scheme=scheme, mitigation="WCT", seed=1)
        assert row["accuracy"].tolist() == swept["accuracy"].tolist()
        assert row["sparsity"].tolist() == [0.8]


def test_nothing_removed_is_the_unpruned_network(done: Done) -> None:
    at_zero = rows_at(done.table, axis="sparsity", value="0")
    whole = rows_at(at_zero, scheme="unpruned")
    for scheme in SCHEMES[1:]:
        found = rows_at(at_zero, scheme=scheme)
        assert found["accuracy"].tolist() == whole["accuracy"].tolist()
    assert set(at_zero["sparsity"]) == {0.0}
    at_own = rows_at(done.table, axis="sparsity", value="0.6", scheme="unpruned")
    assert whole["accuracy"].tolist() == at_own["accuracy"].tolist()


def test_the_subset_is_random_and_the_same_everywhere(work: Experiment, done: Done) -> None:
    bench = bench_of(work)
    chosen = evaluating.subset_indices(40, 30)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert len(chosen) == 30
    assert chosen.tolist() != list(range(30))
    part = evaluating.subset(bench, 30)
    assert torch.equal(part.images, bench.images[chosen])
    assert torch.equal(part.labels, bench.labels[chosen])
    assert part.images_digest != bench.images_digest
    assert evaluating.subset(bench, 40) is bench
    assert evaluating.subset(bench, 500) is bench
    for (scheme, sparsity), rows in done.table.groupby(["scheme", "sparsity"]):
        for size in (8, 16):
            there = sparsities.at_sparsity(work, sparsity or 0.6)
            if size == 16 and sparsity != 0.6 and scheme != "unpruned":
                continue
            network = "unpruned" if sparsity == 0 else scheme
            found_there = pruned.load(there, pruned.variant(network, size)).pruned
            expected = accuracy(found_there.network, part.images, part.labels)
            found = rows_at(rows, crossbar_size=size)
            plain = found[found["mitigation"].isin(["none", "R"])]
            assert set(plain["software_accuracy"]) == {expected}


# --- interruptions ------------------------------------------------------------------------------------------


def test_an_interrupted_evaluation_goes_on(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(done.folder / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XBARPAPER_SCHEDULER", "none")  # in this process, where calls can be counted
    work = Experiment(NAME, done.params)
    journal = work.resume("10_sensitivity.csv")
    # Fewer evaluations than rows of the table: what coincides is computed once.
    assert len(Journal(journal)) < 0.7 * len(done.table)
    again = Calls(monkeypatch, evaluation, "read_out")
    few = {"wire_factors": (1.0,), "crossbar_sizes": (8,), "sparsities": (0.6,), "w_max_quantiles": (1.0,)}
    own = done.params.sensitivity.model_copy(update=few)
    work = Experiment(NAME, done.params.model_copy(update={"sensitivity": own}))
    expected = evaluated(work)
    assert again.count == 0
    pd.testing.assert_frame_equal(expected, expected[COLUMNS[:-2]].merge(done.table, how="left"))

    journal.unlink()
    Calls(monkeypatch, evaluation, "read_out", fail_at=12)
    with pytest.raises(KeyboardInterrupt):
        evaluated(work)
    assert journal.is_file()
    kept = len(Journal(journal))
    monkeypatch.setattr(evaluation, "read_out", again.function)
    counted = Calls(monkeypatch, inference, "accuracy")
    resumed = evaluated(work)
    finished = len(Journal(journal))
    # Accuracies in software are measured again: cheap, and not in the journal.
    assert finished - kept <= counted.count <= finished - kept + len(resumed)
    written = [write_table(tmp_path / f"{n}.csv", one) for n, one in enumerate((resumed, expected))]
    assert written[0].read_bytes() == written[1].read_bytes()


def test_a_killed_training_goes_on(done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(done.folder / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(tmp_path / "data" / "checkpoints" / NAME / "sensitivity")  # as DVC does before a stage
    steps = Calls(monkeypatch, training._Loop, "epoch")
    again = sparsities.train(Experiment(NAME, done.params))
    assert steps.count == 0
    pd.testing.assert_frame_equal(again, done.trained)


# --- what is made of the table ------------------------------------------------------------------------------


def synthetic(params: Params, seeds: int = 4, *, noise: float = 0.05) -> pd.DataFrame:
    """Pruning costs 4 points more, R wins log10 of the ON/OFF ratio minus 1.5, WCT wins 1, both together nothing."""
    random, rows = np.random.default_rng(0), []
    for point in points.plan(conventions(params), params, next(iter(params.experiments))):
        ratio = point.at.devices.r_max_ohm / point.at.devices.r_min_ohm
        gained = {"none": 0.0, "R": math.log10(ratio) - 1.5, "WCT": 1.0, "R+WCT": 0.0}
        for scheme in point.schemes:
            loss = 8.0 + (4.0 if scheme != "unpruned" else 0.0)
            for mitigation in MITIGATIONS:
                for seed in range(seeds):
                    spread = noise * random.standard_normal()
                    rows.append(
                        {
                            "experiment": NAME, "dataset": "tiny", "network": "vgg11", "axis": point.axis,
                            "value": point.label, "second": math.nan if point.second is None else point.second,
                            "scheme": scheme, "sparsity": point.at.sparsity,
                            "crossbar_size": point.at.crossbar_size, "mitigation": mitigation, "seed": seed,
                            "accuracy": 90.0 - loss + gained[mitigation] + seed + spread,
                            "software_accuracy": 90.0,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def wide(make_params: MakeParams) -> Params:
    """Axes of several values."""
    return make_params(
        sensitivity={
            "on_off_ratios": (2.0, 5.0, 10.0, 20.0, 100.0, 1000.0), "w_max_quantiles": (1.0, 0.99),
            "wire_factors": (0.0, 1.0), "driver_factors": (0.0, 1.0), "crossbar_sizes": (8, 16, 128),
            "sparsities": (0.0, 0.6, 0.95), "variation_sigmas": (0.0, 0.1),
        }
    )  # fmt: skip


def test_effects_have_the_sizes_put_in(wide: Params) -> None:
    found = regions.effects(synthetic(wide, noise=0.0))
    means = found.groupby(["claim", "axis", "value"])["effect"].mean()
    assert means["C2", "sigma", "0.1"] == pytest.approx(4.0)
    assert means["C3", "on_off", "1000"] == pytest.approx(1.5)
    assert means["C4", "on_off", "2"] == pytest.approx(1.0)
    assert set(found.loc[found["claim"] == "C2", "scheme"]) == {"cf", "xcs", "xrs"}
    assert set(found.loc[found["claim"] == "C3", "scheme"]) == set(SCHEMES)


def test_regions_find_where_the_claims_hold(wide: Params) -> None:
    table = regions.regions(synthetic(wide, noise=0.005), wide.claims, 10)
    assert list(table.columns) == [
        "experiment", "axis", "value", "claim", "schemes", "effect", "low", "high", "verdict",
    ]  # fmt: skip
    assert not set(table["axis"]) & set(conventions(wide).maps)
    held = table.set_index(["axis", "claim", "value"])["verdict"].sort_index()
    assert set(held.xs("C2", level="claim")) == {"supported"}
    assert held["on_off", "C3"].to_dict() == {
        "2": "contradicted", "5": "contradicted", "10": "contradicted", "20": "no effect", "100": "supported",
        "1000": "supported",
    }  # fmt: skip
    assert set(held.xs("C4", level="claim")) == {"supported"}
    assert set(held.xs("C3+C4", level="claim")) == {"no effect"}
    sizes = table[(table["axis"] == "size") & (table["claim"] == "C3")].set_index("value")["schemes"]
    assert sizes["128"] == "cf"
    assert sizes["8"] == "cf xcs xrs"
    words = regions.overview(table, conventions(wide))
    assert words.loc["ON/OFF ratio", "C3"] == "supported: 100, 1000; contradicted: 2, 5, 10; no effect: 20"
    assert list(words.columns) == list(regions.CLAIMS)


def test_wct_is_judged_by_the_loss_not_by_what_it_gains_in_software(wide: Params) -> None:
    table = synthetic(wide, noise=0.005)
    table.loc[table["mitigation"] == "WCT", "software_accuracy"] += 2.0
    held = regions.regions(table, wide.claims, 10)
    assert set(held.loc[held["claim"] == "C4", "verdict"]) == {"contradicted"}


def test_seeds_that_agree_by_chance_give_no_interval(wide: Params) -> None:
    """Equal effects of two seeds tell no spread, unless nothing was random."""
    table = synthetic(wide, seeds=2, noise=0.0)
    agreed = regions.regions(table, wide.claims, 10)
    assert set(agreed.loc[agreed["claim"] == "C2", "verdict"]) == {"undecided"}
    fixed = regions.regions(table.assign(accuracy=table["accuracy"] - table["seed"]), wide.claims, 10)
    assert set(fixed.loc[fixed["claim"] == "C2", "verdict"]) == {"supported"}


def test_where_networks_guess_nothing_is_testable(wide: Params) -> None:
    table = synthetic(wide, noise=0.005)
    table.loc[(table["axis"] == "on_off") & (table["value"] == "2"), "accuracy"] = 10.0
    held = regions.regions(table, wide.claims, 10)
    there = (held["axis"] == "on_off") & (held["value"] == "2")
    assert set(held.loc[there, "verdict"]) == {"not testable"}
    assert held.loc[there, ["low", "high"]].isna().all(axis=None)
    assert "not testable" not in set(held.loc[~there, "verdict"])


def test_regions_are_the_same_from_a_file(wide: Params, tmp_path: Path) -> None:
    table = synthetic(wide)
    again = read_table(write_table(tmp_path / "sensitivity.csv", table))
    one, other = (regions.regions(each, wide.claims, 10)["verdict"] for each in (table, again))
    assert one.equals(other)
