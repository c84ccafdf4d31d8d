"""Attacks on networks on crossbars: who is attacked by whom, and what A1 to A4 make of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from circuits import IDEAL
from conftest import MakeParams, MakeSubject
from synthetic_results import context, make_results
from synthetic_results import make_params as made_up
from torch import Tensor

from xbarpaper.claims.adversarial import adversarial_statements
from xbarpaper.data import ImageSet
from xbarpaper.experiments import adversarial, crossbars
from xbarpaper.experiments.adversarial import Victims, attacked
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.experiments.subject import Bench
from xbarpaper.params import Adversarial

SETTINGS = Adversarial(epsilons=(0.03,), square_epsilon=0.03, pgd_steps=2, square_queries=10, known_chips=2)


@pytest.fixture
def victims(tiny_images: ImageSet):
    return Victims.of(tiny_images, 20, torch.device("cpu"))


def left(table: pd.DataFrame, attack: str) -> dict[str, list[float]]:
    """Accuracies by attacker, chip by chip."""
    rows = table[table["attack"] == attack]
    return {str(name): own["accuracy"].tolist() for name, own in rows.groupby("attacker")}


def test_on_ideal_crossbars_all_attackers_are_one(make_subject: MakeSubject, bench: Bench, victims) -> None:
    """Nothing disturbs the weights, so software, chips and the attacker's chips are the same network."""
    ideal = replace(bench, devices=bench.devices.nominal, parasitics=IDEAL)
    table = attacked(make_subject(), victims, ideal, SETTINGS, "layer")
    for attack in ("fgsm", "pgd"):
        by_attacker = left(table, attack)
        chips = {name: len(values) for name, values in by_attacker.items()}
        assert chips == {"SS": 1, "SH": 3, "HH": 3, "chip": 2}
        assert len(set().union(*by_attacker.values())) == 1
    assert len({*left(table, "square")["SS"], *left(table, "square")["chip"]}) == 1
    assert (table["accuracy"] <= table["clean_accuracy"]).all()


def test_each_attacker_follows_the_networks_that_he_knows(
    make_subject: MakeSubject, bench: Bench, victims, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SS and SH: software. HH: chips of his own. chip: the very chip."""
    followed: list[list[torch.Tensor]] = []

    def noted(networks, pixels: Tensor, labels: Tensor, epsilon: float):
        followed.append([one.network.weights()["conv1"].detach() for one in networks])
        return pixels

    monkeypatch.setattr(adversarial, "fgsm", noted)
    subject = make_subject()
    attacked(subject, victims, bench, SETTINGS, "layer")
    software, hardware, *chips = followed
    assert [torch.equal(one, subject.mapped.network.weights()["conv1"]) for one in software] == [True]
    assert len(hardware) == SETTINGS.attacker_draws
    assert [len(one) for one in chips] == [1, 1]
    every = [*software, *hardware, *(one for (one,) in chips)]
    assert all(not torch.equal(a, b) for n, a in enumerate(every) for b in every[:n])


def test_a_finished_network_is_read_from_the_journal(
    make_subject: MakeSubject,
    make_params: MakeParams,
    tiny_images: ImageSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crossbars, "mapped", lambda experiment, scheme, size: make_subject(scheme, size=size))
    params = make_params(execution={"scheduler": "none"}, mapping={"crossbar_sizes": (8, 16)})
    work = Experiment("", params)
    work.__dict__["images"] = tiny_images
    first = adversarial.attack(work)
    chips, epsilons = params.adversarial.variation_seeds, len(params.adversarial.epsilons)
    networks = len(params.adversarial.schemes) * 2
    assert len(first) == networks * (2 * epsilons * (1 + 2 * chips + params.adversarial.known_chips) + 2)
    monkeypatch.setattr(adversarial, "attacked", None)
    pd.testing.assert_frame_equal(adversarial.attack(work), first)


def test_the_same_random_images_are_attacked_everywhere(tiny_images: ImageSet) -> None:
    cpu = torch.device("cpu")
    few, more = Victims.of(tiny_images, 7, cpu), Victims.of(tiny_images, 1000, cpu)
    assert torch.equal(few.pixels, more.pixels[:7])
    assert len(more.labels) == len(tiny_images.test)
    assert float(more.pixels.max()) <= 1
    assert not len(few.images.test), "a task carries the attacked images only"


# --- A1 to A4 -----------------------------------------------------------------------------------------------------


def judged(table: pd.DataFrame, chance: float = 10.0) -> dict[str, tuple[str, float | None]]:
    found = adversarial_statements(context(made_up(1, (16, 32), further=True), chance), table)
    return {one.id: (one.overall, one.cases[0].effect) for one in found}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Crossbars give 10 points, the largest 15, and 2 more where pruned; none where they are known."""
    return make_results(made_up(1, (16, 32), further=True)).adversarial


def test_statements_find_what_was_put_in(table: pd.DataFrame) -> None:
    found = judged(table)
    assert found == {
        "A1": ("supported", pytest.approx(12.5)),  # the mean of both sizes, of unpruned networks
        "A2": ("supported", pytest.approx(5.0)),
        "A3": ("no effect", pytest.approx(0.0, abs=1e-9)),
        "A4": ("supported", pytest.approx(2.0)),
    }


def test_statements_turn_with_the_numbers(table: pd.DataFrame) -> None:
    """Crossbars that make networks weaker contradict; networks near chance, whatever the attack leaves, say nothing."""
    software = table[table["attacker"] == "SS"].groupby(["attack", "epsilon"])["accuracy"].first()
    base = table.set_index(["attack", "epsilon"]).index.map(software)
    mirrored = table.assign(accuracy=2 * base - table["accuracy"])
    assert {name: verdict for name, (verdict, _) in judged(mirrored).items()} == {
        "A1": "contradicted", "A2": "contradicted", "A3": "no effect", "A4": "contradicted",
    }  # fmt: skip
    assert {verdict for verdict, _ in judged(table, chance=90.0).values()} == {"not testable"}


def test_what_a_profile_lacks_is_left_out(table: pd.DataFrame) -> None:
    """One crossbar size has no larger one, and without unpruned networks nothing tells pruned ones apart."""
    assert set(judged(table[table["crossbar_size"] == 16])) == {"A1", "A3", "A4"}
    assert set(judged(table[table["scheme"] == "unpruned"])) == {"A1", "A2", "A3"}
    assert set(judged(table[table["scheme"] != "unpruned"])) == {"A1", "A2", "A3"}
