"""One experiment from images to tables, at a tiny size: every stage, its files, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from math import ceil, isnan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MakeParams
from scipy import stats

from xbarpaper import data
from xbarpaper.data import ImageSet
from xbarpaper.experiments import crossbars, pruned, sweeps, trained, trained_on
from xbarpaper.experiments import experiment as experiments
from xbarpaper.experiments.checkpoints import Checkpoint
from xbarpaper.experiments.experiment import UNPRUNED, Experiment, Variant
from xbarpaper.experiments.pruned import Pruned
from xbarpaper.experiments.results import TABLES
from xbarpaper.experiments.trained import Trained
from xbarpaper.hardware import views
from xbarpaper.mitigation import NONE, WCT, R
from xbarpaper.params import SCHEMES, Params, PrunedSchemeName
from xbarpaper.support.errors import CheckpointError
from xbarpaper.support.files import write_table

NAME = "tiny-vgg11"
SIZES = (8, 16)
MITIGATIONS = (NONE, R + WCT)
VARIANTS = ["unpruned", "cf", "xcs-8", "xcs-16", "xrs-8", "xrs-16"]


@dataclass(frozen=True)
class Done:
    """What all stages of a tiny experiment gave, and where."""

    folder: Path
    params: Params
    trained: Trained
    pruned: dict[str, Pruned]
    constrained: dict[str, Trained]
    layers: pd.DataFrame
    evaluation: pd.DataFrame


def stages(folder: Path, params: Params, images: ImageSet) -> Done:
    data.save(images, folder / "data" / "datasets" / "tiny.safetensors")
    work = Experiment(NAME, params)
    whole = trained.train(work)
    every = [run for scheme in SCHEMES[1:] for run in pruned.prune(work, scheme, SIZES)]
    fine_tuned = {run.run.variant.label: run for run in every}
    constrained = {run.variant.label: run for run in trained_on.train_all(work, WCT)}
    layers = crossbars.layer_table(work, MITIGATIONS)
    table = sweeps.evaluate(work, "06_evaluate", MITIGATIONS, ("both",))
    return Done(folder, params, whole, fine_tuned, constrained, layers, table)


def load(work: Experiment, variant: Variant, wct: bool = False) -> Checkpoint:
    if wct:
        return trained_on.load(work, WCT.trains, variant)
    return pruned.load(work, variant)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, make_params: MakeParams, tiny_images: ImageSet) -> Done:
    folder = tmp_path_factory.mktemp("experiment")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return stages(folder, make_params(), tiny_images)


@pytest.fixture
def work(done: Done, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The experiment in its own folder, for tests that only read."""
    monkeypatch.chdir(done.folder)
    return Experiment(NAME, done.params)


@pytest.fixture
def copied(done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The experiment in a copy, for tests that change files."""
    shutil.copytree(done.folder / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return Experiment(NAME, done.params)


def only_row(table: pd.DataFrame, **wanted: object) -> pd.Series:
    for name, value in wanted.items():
        table = table[table[name] == value]
    (row,) = (row for _, row in table.iterrows())
    return row


@pytest.mark.parametrize("label", VARIANTS)
@pytest.mark.parametrize("wct", [False, True])
def test_checkpoints_hold_the_network_whose_accuracy_they_state(
    work: Experiment, label: str, wct: bool
) -> None:
    scheme, _, size = label.partition("-")
    checkpoint = load(work, Variant(scheme, int(size) if size else None), wct)
    reached = trained.software_accuracy(work, checkpoint.pruned.network)
    assert checkpoint.metadata.software_accuracy == reached
    assert checkpoint.metadata.scheme == scheme
    for name, matrix in checkpoint.pruned.network.matrices().items():
        assert not matrix[~checkpoint.pruned.masks[name]].any()


def test_variants_follow_the_crossbar_sizes_where_the_scheme_does() -> None:
    labels = [variant.label for scheme in SCHEMES for variant in pruned.variants(scheme, SIZES)]
    assert labels == VARIANTS
    assert [variant.label for variant in pruned.variants("cf", ())] == ["cf"]
    assert pruned.variant("xrs", 16).label == "xrs-16"


def test_tables_of_training_and_software_have_their_columns(done: Done) -> None:
    runs = [done.trained, *(run.run for run in done.pruned.values()), *done.constrained.values()]
    for run in runs:
        assert set(TABLES["training"].columns) <= set(run.training.columns)
        assert run.training["epoch"].tolist() == [1]
        assert {*TABLES["software"].columns, "classes"} == set(run.software.columns)
        assert run.software["accuracy"].item() == run.training["test_accuracy"].iloc[-1]
        assert run.software["hardware"].str.endswith((", float32", ", bfloat16")).all()
    assert done.trained.software["step"].tolist() == ["trained"]
    assert done.trained.software["sparsity"].tolist() == [0.0]
    for one in done.pruned.values():
        assert one.software["step"].tolist() == ["pruned", "fine-tuned"]
        assert one.software["sparsity"].tolist() == [0.6, 0.6]
        assert one.software["accuracy"].iloc[0] == one.accuracy_before_fine_tuning
    assert {run.software["step"].item() for run in done.constrained.values()} == {"wct"}
    gathered = experiments.gather(run.software for run in runs)
    assert gathered["crossbar_size"].isna().sum() == 4  # unpruned and cf, trained or fine-tuned, and wct
    assert str(gathered["crossbar_size"].dtype) == "Int64"


def test_the_sparsity_of_each_layer_is_that_of_its_mask(done: Done) -> None:
    for label, one in done.pruned.items():
        for row in one.layers.to_dict("records"):
            mask = one.masks[row["layer"]]
            assert (row["weights"], row["kept_weights"]) == (mask.size, mask.sum())
            assert row["sparsity"] == pytest.approx(1 - mask.mean())
            assert row["prunable"] == (row["layer"] not in ("conv1", "classifier"))
        prunable = one.layers[one.layers["prunable"]]
        overall = 1 - prunable["kept_weights"].sum() / prunable["weights"].sum()
        assert overall == pytest.approx(0.6, abs=0.06 if label == "cf" else 0.01)


def test_weights_under_constraint_keep_the_old_range(done: Done, work: Experiment) -> None:
    before = {"unpruned": done.trained, **{label: one.run for label, one in done.pruned.items()}}
    for label, run in done.constrained.items():
        old = before[label].checkpoint
        programmed = crossbars.mapped(work, run.variant.scheme, run.variant.crossbar_size or SIZES[0], WCT)
        assert {layer.name: layer.w_max for layer in programmed.mapped.layers} == {
            name: float(weight.detach().abs().max()) for name, weight in old.pruned.network.weights().items()
        }
        for name, weight in run.checkpoint.pruned.network.weights().items():
            mask = old.pruned.masks[name].numpy()
            cut = np.quantile(np.abs(old.pruned.network.matrices()[name].numpy()[mask]), 0.95)
            assert float(weight.detach().abs().max()) <= cut * (1 + 1e-6)


def test_the_layer_table_has_its_columns_and_a_row_per_layer(done: Done) -> None:
    assert tuple(done.layers.columns) == (*TABLES["layers"].columns, "share_nf_rho", "share_error_rho")
    assert len(done.layers) == len(SCHEMES) * len(SIZES) * len(MITIGATIONS) * 9
    keys = ["scheme", "crossbar_size", "mitigation", "layer"]
    assert not done.layers.duplicated(keys).any()
    assert done.layers["nf"].between(0, 1).all()
    assert done.layers["utilisation"].between(0, 1).all()
    assert done.layers["low_conductance_share"].between(0, 1).all()


def test_associations_are_rank_correlations_over_the_crossbars_of_a_layer(work: Experiment) -> None:
    """From the definitions, crossbar by crossbar; too few crossbars tell nothing."""
    subject = crossbars.mapped(work, "unpruned", SIZES[0])
    devices, threshold = work.params.devices.nominal, work.params.mapping.low_conductance_threshold
    limit = devices.g_min_siemens + threshold * (devices.g_max_siemens - devices.g_min_siemens)
    known = 0
    for read in crossbars.wires_only(work, subject.mapped).layers:
        found = crossbars.associations(read, work.params)
        pair, occupied = read.layer.programmed(devices), read.layer.tiles.occupied
        shares, factors = [], []
        for sign, tiles in enumerate(map(read.layer.tiles.tile, (pair.plus, pair.minus))):
            for tile, cells in zip(tiles, occupied, strict=True):
                shares.append(float((tile[cells] < limit).double().mean()))
            factors += [float(columns[~columns.isnan()].mean()) for columns in read.column_factors[sign]]
        if len(shares) < 6 or len(set(shares)) == 1:
            assert isnan(found["share_nf_rho"])
            continue
        known += 1
        assert found["share_nf_rho"] == pytest.approx(stats.spearmanr(shares, factors).statistic, abs=1e-6)
        assert isnan(found["share_error_rho"]) or -1 <= found["share_error_rho"] <= 1
    assert known


def test_compression_is_crossbars_of_the_unpruned_network_over_those_of_this_one(done: Done) -> None:
    for row in done.layers.to_dict("records"):
        size = row["crossbar_size"]
        whole = 2 * ceil(row["rows"] / size) * ceil(row["columns"] / size)
        assert row["crossbars_unpruned"] == whole
        assert row["compression_rate"] == pytest.approx(whole / row["crossbars"])
        if row["scheme"] == "unpruned":
            assert row["crossbars"] == whole
            assert row["kept_weights"] == row["rows"] * row["columns"]
            assert row["utilisation"] == pytest.approx(2 * row["rows"] * row["columns"] / (whole * size**2))
        else:
            assert row["compression_rate"] >= 1
    totals = crossbars.total_table(done.layers)
    assert len(totals) == len(SCHEMES) * len(SIZES) * len(MITIGATIONS)
    for row in done.evaluation.to_dict("records"):
        keys = {name: row[name] for name in ("scheme", "crossbar_size", "mitigation")}
        total, layers = only_row(totals, **keys), done.layers
        for name, value in keys.items():
            layers = layers[layers[name] == value]
        assert row["crossbars"] == total["crossbars"] == layers["crossbars"].sum()
        rate = layers["crossbars_unpruned"].sum() / layers["crossbars"].sum()
        assert row["compression_rate"] == pytest.approx(rate)
        assert total["compression_rate"] == pytest.approx(rate)
        assert row["low_conductance_share"] == pytest.approx(total["low_conductance_share"])


def test_the_evaluation_table_has_its_columns_and_rows(done: Done) -> None:
    assert tuple(done.evaluation.columns) == TABLES["evaluation"].columns
    # Two seeds, at the readout's gain.
    assert len(done.evaluation) == len(SCHEMES) * len(SIZES) * len(MITIGATIONS) * 2
    keys = ["scheme", "crossbar_size", "mitigation", "effects", "gain", "seed"]
    assert not done.evaluation.duplicated(keys).any()
    assert set(done.evaluation["experiment"]) == {NAME}
    assert set(done.evaluation["dataset"]) == {"tiny"}
    assert set(done.evaluation["mitigation"]) == {"none", "R+WCT"}
    sparsities = done.evaluation.groupby("scheme")["sparsity"].unique().map(list).to_dict()
    assert sparsities == {"unpruned": [0.0], "cf": [0.6], "xcs": [0.6], "xrs": [0.6]}


def test_software_accuracy_is_of_the_network_that_is_mapped(done: Done) -> None:
    for row in done.evaluation.to_dict("records"):
        label = pruned.variant(row["scheme"], row["crossbar_size"]).label
        plain = done.trained if label == "unpruned" else done.pruned[label].run
        run = done.constrained[label] if "WCT" in row["mitigation"] else plain
        assert row["software_accuracy"] == run.checkpoint.metadata.software_accuracy


def test_a_finished_sweep_is_read_from_its_journal(
    done: Done, work: Experiment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def computed(*_: object) -> float:
        raise RuntimeError("computed again")

    monkeypatch.setattr("xbarpaper.experiments.subject.Bench.accuracy", computed)
    again = sweeps.evaluate(work, "06_evaluate", MITIGATIONS, ("both",))
    written = [write_table(tmp_path / "a.csv", table).read_text() for table in (done.evaluation, again)]
    assert written[0] == written[1]


def test_tables_are_written_where_the_stage_keeps_them(copied: Experiment, done: Done) -> None:
    (path,) = copied.write("06_evaluate", evaluation=done.evaluation)
    assert path == Path("data/results/tiny") / NAME / "06_evaluate" / "evaluation.csv"
    both = sweeps.with_unmitigated(copied, done.evaluation)
    assert len(both) == 2 * len(done.evaluation)
    assert str(both["seed"].dtype) == "Int64"


def test_views_are_plain_arrays_of_the_same_numbers(work: Experiment) -> None:
    subject = crossbars.mapped(work, "xcs", 8)
    layer = views.layer_named(subject.mapped, "conv3")
    assert views.padding_cells(layer) == layer.tiles.tiles * 64 - layer.devices // 2
    mosaic = views.conductance_mosaic(layer, work.params.devices)
    assert int(np.isfinite(mosaic).sum()) == layer.devices // 2
    pair = layer.device_conductances(work.params.devices)
    assert np.nansum(mosaic) == pytest.approx(0.5e6 * float(pair.plus.sum() + pair.minus.sum()), rel=1e-4)
    flat = views.conductances_by_layer(subject.mapped, work.params.devices)
    assert flat["conv3"].size == layer.devices
    owned = views.owners(layer)
    assert set(np.unique(owned)) - {-1} == set(range(layer.tiles.tiles))
    read = crossbars.wires_only(work, subject.mapped)
    factors = views.tile_factor_mosaic(read.layers[2])
    assert np.isfinite(factors).sum() == layer.tiles.tiles
    with pytest.raises(ValueError, match="'conv99' is not in the network"):
        views.layer_named(subject.mapped, "conv99")


@pytest.mark.parametrize("scheme", SCHEMES[1:])
def test_gradual_pruning_ends_at_the_sparsity_and_goes_on_where_it_was_stopped(
    scheme: PrunedSchemeName, copied: Experiment, done: Done
) -> None:
    section = copied.params.prune.model_copy(update={"steps": 3, "weight_decay": 0.0})
    work = Experiment(NAME, copied.params.model_copy(update={"prune": section}))
    (run,) = pruned.prune(work, scheme, (8,))
    assert run.training["step"].tolist() == ["pruned", "pruned", "fine-tuned"]
    assert run.training["epoch"].tolist() == [1, 2, 1]
    for name, mask in done.pruned[run.run.variant.label].masks.items():
        # Other weights, as many as groups allow.
        assert run.masks[name].sum() == pytest.approx(mask.sum(), abs=8)
    work.checkpoint_path(run.run.variant).unlink()
    work.resume(f"pruned-{run.run.variant.label}-2.safetensors").unlink()
    (resumed,) = pruned.prune(work, scheme, (8,))
    pd.testing.assert_frame_equal(resumed.training, run.training)
    for name, weight in resumed.run.checkpoint.pruned.network.state_dict().items():
        assert weight.equal(run.run.checkpoint.pruned.network.state_dict()[name])


def test_only_what_is_trained_from_scratch_is_cut_out_of(make_params: MakeParams) -> None:
    train = {"epochs": 2, "cut_out_pixels": 4, "weight_decay": 1e-3}
    found = {}
    for when in ("trained", "init"):
        work = Experiment(NAME, make_params(train=train, prune={"when": when, "weight_decay": 1e-4}))
        assert (work.params.train.cut_out_pixels, work.params.train.weight_decay) == (4, 1e-3)
        found |= {(when, scheme): pruned.fine_tuning(work, scheme) for scheme in ("unpruned", "cf")}
    assert {settings.cut_out_pixels for settings in found.values()} == {0}
    assert {key: settings.weight_decay for key, settings in found.items()} == {
        ("trained", "unpruned"): 1e-3, ("trained", "cf"): 1e-4, ("init", "unpruned"): 1e-3, ("init", "cf"): 1e-3,
    }  # fmt: skip


@pytest.mark.usefixtures("with_images")
def test_pruning_at_initialisation_needs_no_trained_network(make_params: MakeParams) -> None:
    params = make_params(prune={"when": "init", "epochs": 1}, train={"epochs": 2})
    work = Experiment(NAME, params)
    (run,) = pruned.prune(work, "xcs", (8,))
    assert len(run.run.training) == 2  # the training's epochs, not the fine-tuning's
    checkpoint = load(work, Variant("xcs", 8))
    for name, matrix in checkpoint.pruned.network.matrices().items():
        assert not matrix[~checkpoint.pruned.masks[name]].any()
    with pytest.raises(CheckpointError, match=r"was made with prune\.when = init"):
        load(Experiment(NAME, params.model_copy(update={"prune": make_params().prune})), Variant("xcs", 8))

    # Trained from scratch, it meets the images that are cut out of.
    cut_out = params.train.model_copy(update={"cut_out_pixels": 4})
    (other,) = pruned.prune(Experiment(NAME, params.model_copy(update={"train": cut_out})), "xcs", (8,))
    assert not other.run.training.equals(run.run.training)


def test_parameters_that_a_network_does_not_depend_on_leave_it_valid(
    work: Experiment, make_params: MakeParams
) -> None:
    unrelated = {"wct": {"epochs": 3}, "rearrange": {"order": "ascending"}}
    other = make_params(devices={"variation_sigma": 0.3}, prune={"epochs": 9}, **unrelated)
    again = Experiment(NAME, other)
    assert trained.load(again).metadata == trained.load(work).metadata
    with pytest.raises(CheckpointError, match=r"prune\.epochs = 1"):
        load(again, Variant("cf"))


def test_the_checkpoint_of_another_scheme_or_size_is_refused(copied: Experiment) -> None:
    for other, own in ((Variant("xcs", 8), Variant("xcs", 16)), (Variant("xrs", 8), Variant("cf", None))):
        shutil.copy(copied.checkpoint_path(other), copied.checkpoint_path(own))
        with pytest.raises(CheckpointError):
            load(copied, own)
    shutil.copy(copied.checkpoint_path(UNPRUNED, "wct"), copied.checkpoint_path(UNPRUNED))
    with pytest.raises(CheckpointError):
        trained.load(copied)
