"""Every mitigation of the registry: its parts, its costs, and the network that it prepares."""

from __future__ import annotations

import shutil
from dataclasses import astuple
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import MakeParams
from subjects import of_one_size, trained_in

from xbarpaper.data import ImageSet
from xbarpaper.experiments import beyond, crossbars, pruned, trained_on
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.evaluation import Case, cases, sweep
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.experiments.published import comparing
from xbarpaper.experiments.published.numbers import PUBLISHED
from xbarpaper.experiments.results import TABLES
from xbarpaper.experiments.search import searching, space
from xbarpaper.experiments.search.searching import held_out
from xbarpaper.hardware.effects import Variation
from xbarpaper.mitigation import BN, MITIGATIONS, NONE, PAPER, R2D, TUNED, WCT, Costs, Mitigation, R
from xbarpaper.networks.runs import images_shown, steps_per_epoch
from xbarpaper.params import FURTHER_MITIGATIONS, Params
from xbarpaper.params import MITIGATIONS as PAPER_NAMES
from xbarpaper.support.errors import ParameterError

NAMES = [*PAPER_NAMES, *FURTHER_MITIGATIONS]
NAME, SIZE = "tiny-vgg11", 16


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, make_params: MakeParams, tiny_images: ImageSet
) -> tuple[Path, Params]:
    """Where the networks of an experiment are trained, pruned and constrained."""
    folder = tmp_path_factory.mktemp("mitigations")
    params = make_params(beyond={"compensation_rounds": 1}, **of_one_size(SIZE))
    trained_in(folder, params, tiny_images)
    return folder, params


@pytest.fixture
def work(made: tuple[Path, Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The experiment in a copy."""
    folder, params = made
    shutil.copytree(folder / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return Experiment(NAME, params)


def test_names_and_their_order() -> None:
    assert list(MITIGATIONS) == NAMES
    assert [one.name for one in PAPER] == NAMES[:4]


def test_a_sum_has_the_parts_of_both() -> None:
    both = R2D + BN
    assert (both.arranges, both.finishes) == (R2D.arranges, BN.finishes)
    assert (both.trains, both.programs) == (None, None)
    assert MITIGATIONS["R+WCT"] == R + WCT
    assert (NONE + R).arranges == R.arranges


@pytest.mark.parametrize(("one", "other", "part"), [(R, R2D, "arranges"), (WCT, TUNED, "trains")])
def test_two_parts_of_one_kind_are_refused(one: Mitigation, other: Mitigation, part: str) -> None:
    with pytest.raises(ValueError, match=rf"{one.name} \+ {other.name}: both have a part {part}"):
        one + other


def test_costs_follow_the_parameters_and_add_up(make_params: MakeParams, tiny_images: ImageSet) -> None:
    params, images = make_params(), len(tiny_images.train)
    shown, beyond_it = images_shown(params.train, images), params.beyond
    steps = beyond_it.tuning_epochs * steps_per_epoch(params.train, images)
    solved = 1 + steps // beyond_it.tuning_refresh_steps
    expected = {
        "none": Costs(),
        "R": Costs(),
        "WCT": Costs(training_images=params.wct.epochs * shown),
        "R2D": Costs(circuit_solutions=4 + beyond_it.arrangement_rounds),
        "BN": Costs(chip_images=beyond_it.batch_norm_images),
        "norms": Costs(chip_images=beyond_it.batch_norm_images),
        "tuned": Costs(training_images=beyond_it.tuning_epochs * shown, circuit_solutions=solved),
        "PC": Costs(circuit_solutions=beyond_it.compensation_rounds),
        "PC/chip": Costs(chip_solutions=beyond_it.compensation_rounds),
    }
    for name, mitigation in MITIGATIONS.items():
        parts = [name] if name in expected else name.split("+")
        assert mitigation.costs(params, images) == sum((expected[one] for one in parts), Costs())
    assert astuple(BN.costs(params, 7)) == (0, 7, 0, 0)


def test_every_mitigation_prepares_a_network_that_is_evaluated(work: Experiment, tmp_path: Path) -> None:
    """What two prepare alike is prepared once; a tuned network that is there is taken up again."""
    subjects = list(crossbars.subjects(work, list(MITIGATIONS.values()), (SIZE,)))
    assert [one.mitigation for one in subjects] == NAMES * 4
    by_scheme = {(one.scheme, one.mitigation): one for one in subjects}
    for plain, finished in (("none", "BN"), ("R2D", "R2D+BN"), ("tuned", "tuned+BN"), ("PC", "PC+norms")):
        before, after = by_scheme["cf", plain], by_scheme["cf", finished]
        assert before.mapped is after.mapped
        assert (before.finish, after.finish is None) == (None, False)
    assert by_scheme["xcs", "PC/chip"].programming is not None
    small = bench(work)
    table = sweep(subjects[: len(NAMES)], [Case("both", 0, ("layer",))], small, tmp_path / "journal")
    assert table["mitigation"].tolist() == NAMES
    kept = {path: path.read_bytes() for path in tmp_path.rglob("tuned-*.safetensors")}
    assert len(kept) == 4
    again = crossbars.mapped(work, "xrs", SIZE, TUNED)
    assert again.software_accuracy == by_scheme["xrs", "tuned"].software_accuracy
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_tuned_network_of_another_beginning_is_tuned_anew(
    work: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    first = crossbars.mapped(work, "cf", SIZE, TUNED)
    other = Experiment(work.name, work.params.model_copy(update={"devices": work.params.devices.nominal}))
    second = crossbars.mapped(other, "cf", SIZE, TUNED)
    assert "tuned-cf-16.safetensors: not what is wanted, starting anew" in capsys.readouterr().out
    weights = [one.mapped.network.state_dict() for one in (first, second)]
    assert any(not value.equal(weights[1][name]) for name, value in weights[0].items())


def test_the_table_of_costs_has_a_row_for_each(work: Experiment) -> None:
    table = beyond.costs(work)
    assert table["mitigation"].tolist() == NAMES * 4
    solved = table.groupby("mitigation")["circuit_solutions"].agg(list)
    assert solved["R2D+BN"] == solved["R2D"]
    chosen = work.params.beyond.model_copy(update={"mitigations": ("PC", "BN")})
    fewer = Experiment(NAME, work.params.model_copy(update={"beyond": chosen}))
    assert set(beyond.costs(fewer)["mitigation"]) == {*PAPER_NAMES, "PC", "BN"}


def test_trainings_side_by_side_give_the_same_bytes(work: Experiment, tmp_path: Path) -> None:
    """In two processes instead of this one, and in the same order."""
    folder = tmp_path / "data" / "checkpoints"
    before = {path: path.read_bytes() for path in folder.rglob("*.safetensors")}
    spread = work.params.execution.model_copy(update={"scheduler": "local", "workers": 2})
    there = Experiment(work.name, work.params.model_copy(update={"execution": spread}))
    (tmp_path / "data" / "resume").rename(tmp_path / "resumed")
    results = [*pruned.prune(there, "xcs", (8, SIZE)), *pruned.prune(there, "cf")]
    assert [one.run.variant.label for one in results] == ["xcs-8", "xcs-16", "cf"]
    constrained = trained_on.train_all(there, WCT)
    assert [one.variant.label for one in constrained] == ["unpruned", "cf", "xcs-16", "xrs-16"]
    assert {path: path.read_bytes() for path in before} == before


# --- the search for the strongest form --------------------------------------------------------------------------


def test_validation_images_are_training_images_that_wct_does_not_see(tiny_images: ImageSet) -> None:
    held = held_out(tiny_images, 30)
    assert (len(held.train), len(held.test)) == (70, 30)
    apart = [held.train.pixels, held.test.pixels]
    both = torch.cat(apart).flatten(1).unique(dim=0)
    assert torch.equal(both, tiny_images.train.pixels.flatten(1).unique(dim=0))
    assert (held.mean, held.std) == (tiny_images.mean, tiny_images.std)
    assert held.digest == held_out(tiny_images, 30).digest != held_out(tiny_images, 31).digest
    with pytest.raises(ParameterError, match=r"search.validation_images = 51 must be at most 50, half of"):
        held_out(tiny_images, 51)


def test_every_setting_is_compared_once_and_the_best_is_tested_on_other_devices(
    work: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = {
        "finalists": 4, "orders": ("ascending", "descending"), "prunings": ("trained", "init"), "wct_ranges": ("old",),
        "rounds": (),
    }  # fmt: skip
    alone = work.params.execution.model_copy(update={"scheduler": "none"})
    changes = {"search": work.params.search.model_copy(update=search), "execution": alone}
    params = work.params.model_copy(update=changes)
    there, drawn = Experiment(work.name, params), []
    real = Variation.disturb
    monkeypatch.setattr(Variation, "disturb", lambda one, *to: (drawn.append(one.seed), real(one, *to))[1])
    found = searching.compared(there)
    assert min(drawn) > params.evaluation.variation_seeds
    rows = found.space[found.space["pruned"] == "init"]
    assert tuple(found.space.columns) == TABLES["search"].columns
    reached = rows.set_index("setting")["accuracy"]
    orders, trainings = space.rearrangements(params), space.trainings(params)
    limited = [one for one in trainings if one.cut_quantile < 1]
    trainings += space.refined(params, max(limited, key=lambda one: reached[space.words_of(one)]))
    assert rows["setting"].tolist() == [space.words_of(one) for one in (*orders, *trainings)]
    assert rows["setting"].is_unique
    evaluated = rows[rows["predicted_error"].notna() & rows["accuracy"].notna()]
    assert evaluated["predicted_error"].min() == rows["predicted_error"].min()
    kinds = {("pair", "layer"), ("pair", "crossbar"), ("signs", "layer")}
    assert set(zip(evaluated["arrays"], evaluated["range"], strict=True)) == kinds
    for kind, best in (("R", found.best["init"][0]), ("WCT", found.best["init"][1])):
        compared_with = (rows["cut_quantile"] == 1) | (rows["order"] == "none")
        own = rows[(rows["mitigation"] == kind) & ~compared_with]
        chosen = own.loc[own["chosen"], ["setting", "accuracy"]].to_numpy().tolist()
        assert chosen == [[space.words_of(best), own["accuracy"].max()]]

    drawn.clear()
    tested = searching.tested(there, found.best)
    assert set(drawn) == set(range(params.evaluation.variation_seeds))
    assert tuple(tested.columns) == TABLES["strongest"].columns
    plain = list(crossbars.subjects(there, (NONE, R), (SIZE,)))
    expected = sweep(plain, cases(("both",), 2, ("layer",), "layer"), bench(there), Path("journal"))
    own = tested[(tested["pruned"] == "trained") & tested["mitigation"].isin(["none", "R"])]
    for column in ("accuracy", "software_accuracy"):  # the very numbers of the other stages
        assert sorted(own[column]) == sorted(expected[column])
    summed = searching.summary(tested, params.claims)
    assert (summed.loc[(slice(None), "none"), ["gained", "loss_reduced"]] == 0).all(axis=None)


# --- beside what is published -----------------------------------------------------------------------------------


def test_published_settings_are_evaluated_as_they_say(work: Experiment) -> None:
    """Each number's mitigation and digital layers; resistance and gain change the network, and nothing is left out."""
    asked = {"crossbar_sizes": (64,), "r_min_ohms": (20e3, 1e6), "variation_seeds": 2}
    settings = work.params.published.model_copy(update=asked)
    there = Experiment(NAME, work.params.model_copy(update={"published": settings}))
    table = comparing.evaluate(there)
    assert tuple(table.columns) == TABLES["published"].columns
    numbers = [one for one in PUBLISHED if one.crossbar_size == 64]
    assert list(dict.fromkeys(table["setting"])) == list(dict.fromkeys(one.setting for one in numbers))
    draws = sum(1 if one.effects == "wires" else 2 for one in numbers)
    assert len(table) == draws * 2 * 2  # resistances and gains
    assert (table["lost"] == table["software_accuracy"] - table["accuracy"]).all()
    pd.testing.assert_frame_equal(comparing.evaluate(there), table)  # from the journal

    subject = crossbars.mapped(there, "unpruned", 64)
    read = crossbars.wires_only(there, subject.mapped)
    last = subject.mapped.layers[-1].module
    twin = comparing.DigitalClassifier(last).apply(read.twin("none"), subject.mapped.network)
    for layer in subject.mapped.layers:
        own = subject.mapped.network.get_submodule(layer.module).weight
        assert torch.equal(twin.get_submodule(layer.module).weight, own) == (layer.module == last)

    like = comparing.under(there, (1e6, "none"))
    assert set(TABLES["published_like"].columns) <= set(like.columns)
    assert set(like["mitigation"]) == {"none", "R", "WCT"}
    assert set(like["r_min_ohm"]) == {1e6}
