"""The sweep: which rows there are, that they are right, and that an interrupted one goes on with the missing ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import DEVICES, MakeSubject
from subjects import Calls

from xbarpaper.experiments.evaluation import Case, cases, disturbed, sweep
from xbarpaper.experiments.journal import Journal
from xbarpaper.experiments.subject import Bench
from xbarpaper.hardware import readout as nonideal
from xbarpaper.hardware.circuit import Parasitics
from xbarpaper.hardware.effects import Variation
from xbarpaper.hardware.readout import read_out
from xbarpaper.networks import inference
from xbarpaper.networks.inference import accuracy
from xbarpaper.support.files import write_table

COLUMNS = [
    "scheme", "sparsity", "crossbar_size", "mitigation", "effects", "gain", "seed", "accuracy", "software_accuracy",
    "nf", "low_conductance_share", "crossbars", "compression_rate",
]  # fmt: skip
WANTED = cases(("wires", "variation", "both"), 2, ("none", "layer"), "layer")
ROWS = 1 + 2 + 2 * 2  # of WANTED: wires once, variation per seed, both per seed and gain


def as_written(table: pd.DataFrame, folder: Path) -> str:
    return write_table(folder / "written.csv", table).read_text()


def test_cases_of_a_sweep() -> None:
    assert cases(("wires", "variation", "both"), 2, ("none", "tile"), "layer") == [
        Case("wires", None, ("layer",)), Case("variation", 0, ("layer",)), Case("variation", 1, ("layer",)),
        Case("both", 0, ("none", "tile")), Case("both", 1, ("none", "tile")),
    ]  # fmt: skip
    assert cases(("both",), 1, ("none",), "layer") == [Case("both", 0, ("none",))]


def test_a_row_per_evaluation(make_subject: MakeSubject, bench: Bench, tmp_path: Path) -> None:
    subject = make_subject("xcs")
    table = sweep([make_subject(), subject], WANTED, bench, tmp_path / "journal.csv", 2)
    assert list(table.columns) == COLUMNS
    assert len(table) == 2 * ROWS
    part = table[table["scheme"] == "xcs"]
    described = part[["effects", "seed", "gain"]].astype(object)
    described = described.where(described.notna(), None)
    assert described.to_numpy().tolist() == [
        ["wires", None, "layer"], ["variation", 0, "layer"], ["variation", 1, "layer"], ["both", 0, "none"],
        ["both", 0, "layer"], ["both", 1, "none"], ["both", 1, "layer"],
    ]  # fmt: skip
    assert set(part["sparsity"]) == {0.6}
    assert set(part["crossbar_size"]) == {16}
    assert set(part["mitigation"]) == {"none"}
    assert set(part["software_accuracy"]) == {12.5}
    assert set(part["crossbars"]) == {subject.mapped.crossbars}
    assert set(part["low_conductance_share"]) == {subject.mapped.low_conductance_share(DEVICES, 0.1)}
    whole = table.loc[table["scheme"] == "unpruned", "crossbars"].iloc[0]
    assert set(part["compression_rate"]) == {whole / subject.mapped.crossbars}
    assert part["accuracy"].between(0, 100).all()


@pytest.mark.parametrize(
    ("case", "effects", "parasitics"),
    [
        (Case("wires", None, ("layer",)), [], Parasitics()),
        (Case("variation", 1, ("layer",)), [Variation(0.1, 1)], None),
        (Case("both", 1, ("layer",)), [Variation(0.1, 1)], Parasitics()),
    ],
    ids=["wires", "variation", "both"],
)
def test_each_row_is_its_own_twin(
    make_subject: MakeSubject, bench: Bench, tmp_path: Path, case: Case, effects: list[Variation], parasitics
) -> None:
    subject = make_subject("cf")
    read = read_out(subject.mapped, DEVICES, effects, parasitics)
    (row,) = sweep([subject], [case], bench, tmp_path / "journal.csv").to_dict("records")
    assert row["accuracy"] == accuracy(read.twin("layer"), bench.images, bench.labels)
    assert row["nf"] == read.non_ideality_factor
    same = disturbed(subject.mapped, case, DEVICES, Parasitics())
    for one, other in zip(same.layers, read.layers, strict=True):
        assert torch.equal(one.effective_weights, other.effective_weights)


def test_an_interrupted_sweep_goes_on_with_the_missing_rows(
    make_subject: MakeSubject, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects = [make_subject("xcs"), make_subject("xrs")]
    whole = sweep(subjects, WANTED, bench, tmp_path / "whole.csv")
    for fail_at in (1, 2, 5, 2 * ROWS):
        journal = tmp_path / f"{fail_at}.csv"
        with monkeypatch.context() as patch:
            Calls(patch, inference, "accuracy", fail_at)
            with pytest.raises(KeyboardInterrupt):
                sweep(subjects, WANTED, bench, journal)
        finished = len(Journal(journal))
        # A case of two gains is one solution of the circuits, and is kept once both are done.
        assert fail_at - 2 <= finished <= fail_at - 1

        with monkeypatch.context() as patch:
            counted = Calls(patch, inference, "accuracy")
            for _ in range(2):  # the second time nothing is left to compute
                resumed = sweep(subjects, WANTED, bench, journal)
                assert counted.count == 2 * ROWS - finished
                assert as_written(resumed, tmp_path) == as_written(whole, tmp_path)
                assert resumed.dtypes.equals(whole.dtypes)


@pytest.mark.parametrize(
    "change",
    [
        {"devices": DEVICES.model_copy(update={"variation_sigma": 0.2})},
        {"devices": DEVICES.model_copy(update={"r_max_ohm": 2e6})},
        {"parasitics": Parasitics(driver_ohm=0.0)},
        {"images_digest": "other"},
        {"low_conductance_threshold": 0.2},
    ],
    ids=["variation", "range", "wires", "images", "threshold"],
)
def test_other_conditions_make_all_rows_anew(
    make_subject: MakeSubject,
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, object],
) -> None:
    subjects, journal = [make_subject()], tmp_path / "journal.csv"
    wanted = cases(("both",), 1, ("none", "layer"), "layer")
    before = sweep(subjects, wanted, bench, journal)
    counted, other = Calls(monkeypatch, inference, "accuracy"), replace(bench, **change)
    after = sweep(subjects, wanted, other, journal)
    assert counted.count == 2
    fresh = sweep(subjects, wanted, other, tmp_path / "fresh.csv")
    assert as_written(after, tmp_path) == as_written(fresh, tmp_path)

    again = sweep(subjects, wanted, bench, journal)  # and back: the old rows are still there
    assert counted.count == 4
    assert as_written(again, tmp_path) == as_written(before, tmp_path)


def test_another_network_makes_its_rows_anew(
    make_subject: MakeSubject, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, wanted = tmp_path / "journal.csv", [Case("wires", None, ("layer",))]
    sweep([make_subject()], wanted, bench, journal)
    counted = Calls(monkeypatch, inference, "accuracy")
    other = make_subject()
    with torch.no_grad():
        other.mapped.network.classifier.bias += 1e-3  # not on any crossbar, but decides all the same
    sweep([other], wanted, bench, journal)
    assert counted.count == 1


def test_the_circuits_are_solved_once_for_all_gains(
    make_subject: MakeSubject, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved: list[int] = []
    solve = nonideal.effective_conductance

    def counted(conductance: torch.Tensor, parasitics: Parasitics) -> torch.Tensor:
        solved.append(conductance.shape[1])
        return solve(conductance, parasitics)

    monkeypatch.setattr(nonideal, "effective_conductance", counted)
    subject = make_subject()
    table = sweep([subject], [Case("both", 0, ("none", "layer", "tile"))], bench, tmp_path / "journal.csv")
    assert len(table) == 3
    assert solved == [subject.mapped.crossbars // 2]  # tiles, both signs in one batch
