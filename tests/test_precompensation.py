"""Precompensation: devices programmed such that the crossbars compute the weights that were wanted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from circuits import IDEAL
from conftest import DEVICES, MakeSubject
from hypothesis import given
from hypothesis import strategies as st

from xbarpaper.experiments.evaluation import cases, sweep
from xbarpaper.experiments.subject import Bench
from xbarpaper.hardware.circuit import Parasitics
from xbarpaper.hardware.effects import Variation
from xbarpaper.hardware.mapped import MappedNetwork
from xbarpaper.hardware.readout import read_out
from xbarpaper.mitigation import Precompensation
from xbarpaper.params import SchemeName

PC = Precompensation(DEVICES, Parasitics(), "layer", rounds=4)


def with_headroom(mapped: MappedNetwork, factor: float = 2.0) -> MappedNetwork:
    """The same network with room above its largest weight, so that no target meets the end of the range."""
    layers = tuple(replace(layer, w_max=factor * layer.w_max) for layer in mapped.layers)
    return replace(mapped, layers=layers)


def errors(mapped: MappedNetwork, effects: tuple[Variation, ...], parasitics: Parasitics) -> list[float]:
    """Of each layer, squared, over the squared weights, after the gain of the layer."""
    read = read_out(mapped, DEVICES, effects, parasitics)
    pairs = [(layer.matrix("layer") - layer.layer.matrix, layer.layer.matrix) for layer in read.layers]
    return [float(error.square().sum() / matrix.square().sum()) for error, matrix in pairs]


def test_nothing_changes_where_nothing_disturbs(make_subject: MakeSubject) -> None:
    mapped = make_subject().mapped
    programmed = replace(PC, parasitics=IDEAL).program(mapped, ())
    for before, after in zip(mapped.layers, programmed.layers, strict=True):
        torch.testing.assert_close(after.programmed_weights, before.matrix, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scheme", ["unpruned", "cf", "xcs", "xrs"])
@pytest.mark.parametrize("effects", [(), (Variation(0.1, 3),)], ids=["wires", "a chip"])
def test_the_crossbars_compute_the_weights_that_were_wanted(
    make_subject: MakeSubject, scheme: SchemeName, effects: tuple[Variation, ...]
) -> None:
    mapped = with_headroom(make_subject(scheme).mapped)
    before = errors(mapped, effects, Parasitics())
    after = errors(PC.program(mapped, effects), effects, Parasitics())
    assert min(before) > 1e-5
    assert max(after) < 1e-6
    assert all(b < a / 100 for a, b in zip(before, after, strict=True))


def test_another_chip_is_not_compensated(make_subject: MakeSubject) -> None:
    mapped = with_headroom(make_subject().mapped)
    programmed = PC.program(mapped, (Variation(0.1, 3),))
    other = (Variation(0.1, 4),)
    assert min(errors(programmed, other, Parasitics())) > min(errors(mapped, other, Parasitics())) / 2


@given(driver=st.floats(0, 5e3), wire=st.floats(0, 20), sigma=st.floats(0, 0.2))
def test_targets_stay_in_the_range_and_the_weights_wanted_stay(
    make_subject: MakeSubject, driver: float, wire, sigma: float
) -> None:
    mapped = make_subject("xrs").mapped
    parasitics = Parasitics(driver_ohm=driver, row_wire_ohm=wire, column_wire_ohm=wire, sense_ohm=driver)
    programmed = replace(PC, parasitics=parasitics).program(mapped, (Variation(sigma, 0),))
    for before, after in zip(mapped.layers, programmed.layers, strict=True):
        assert after.programmed_weights.abs().max() <= after.w_max
        assert after.matrix is before.matrix


def test_each_chip_is_programmed_for_itself(make_subject: MakeSubject, bench: Bench, tmp_path: Path) -> None:
    plain = make_subject()
    software = bench.accuracy(plain.mapped.network)
    wanted = cases(("both",), 3, ("layer",), "layer")
    subjects = [plain, replace(plain, programming=PC, mitigation="PC/chip")]
    table = sweep(subjects, wanted, bench, tmp_path / "journal.csv")
    own = table[table["mitigation"] == "PC/chip"]
    off = (table[table["mitigation"] == "none"]["accuracy"] - software).abs().mean()
    assert own["low_conductance_share"].nunique() == 3  # targets differ from chip to chip
    assert (own["accuracy"] - software).abs().mean() < off
    again = sweep(subjects, wanted, bench, tmp_path / "journal.csv")
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    other = replace(subjects[1], programming=replace(PC, rounds=1))
    fewer = sweep([other], wanted, bench, tmp_path / "journal.csv")
    assert not fewer["low_conductance_share"].equals(own["low_conductance_share"])
