"""Spiking networks: neuron and codes by worked numbers, a forward pass by another library, conversion, crossbars."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import golden_spiking as golden
import pandas as pd
import pytest
import torch
from repository import tiny_profile
from synthetic_results import context, make_params, make_results

from xbarpaper.claims.schema import OwnClaim
from xbarpaper.claims.spiking import spiking_statements
from xbarpaper.experiments import spiking as on_crossbars
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.experiments.results import TABLES
from xbarpaper.networks import Architecture, build
from xbarpaper.networks.spiking import (
    Neuron,
    SpikingVgg,
    balance,
    fold,
    poisson_spikes,
    spiking,
    through_time,
)
from xbarpaper.support.errors import ArtifactError

NARROW = Architecture(network="vgg11", width=1 / 32, classes=10)


def test_the_neuron_by_worked_numbers() -> None:
    """Leak 0.95, threshold 1: the currents, u before the reset, spikes, u after it, and the surrogate's factors."""
    neuron, membrane = Neuron(0.95, 1.0), torch.zeros(1)
    charged, spikes, left, factors = [], [], [], []
    for current in (0.6, 0.6, 0.6, 0.2):
        before = (neuron.leak * membrane + current).detach().requires_grad_()
        spike, after = neuron.step(0.0, before)
        (factor,) = torch.autograd.grad(spike.sum(), before)
        charged.append(before.item())
        spikes.append(spike.item())
        left.append(after.item())
        factors.append(factor.item())
        membrane = after.detach()
    assert charged == pytest.approx([0.6, 1.17, 0.7615, 0.923425])
    assert spikes == [0, 1, 0, 0]
    assert left == pytest.approx([0.6, 0.17, 0.7615, 0.923425])
    assert factors == pytest.approx([0.18, 0.249, 0.22845, 0.2770275])
    assert neuron.spikes(torch.tensor([[0.6], [0.6], [0.6], [0.2]])).flatten().tolist() == spikes


@pytest.mark.parametrize(
    ("current", "spikes"), [(2.0, [0, 1, 1, 1]), (2.001, [1, 1, 1, 1]), (1.2, [0, 1, 0, 1])]
)
def test_a_spike_leaves_above_the_threshold_not_at_it(current: float, spikes: list[int]) -> None:
    assert Neuron(1.0, 2.0).spikes(torch.full((4, 1), current)).flatten().tolist() == spikes


def test_poisson_spikes_have_the_chances_and_signs_of_their_pixels() -> None:
    pixels = torch.tensor([1.0, -0.6, 0.0, 2.5]).expand(1, 1, 1, 4)
    spikes = poisson_spikes(pixels, 20_000)
    assert spikes.unique().tolist() == [-1, 0, 1]
    error = 4 * 0.5 / 20_000**0.5
    assert spikes.mean((0, 1, 2, 3)).tolist() == pytest.approx([0.5, -0.3, 0.0, 1.0], abs=error)
    assert torch.equal(spikes, poisson_spikes(pixels.clone(), 20_000))
    assert not torch.equal(spikes, poisson_spikes(pixels + 1e-6, 20_000))


def small(neuron: Neuron | None, steps: int = golden.STEPS, coding: str = "direct") -> SpikingVgg:
    network = spiking(build(NARROW, 0), neuron, steps, coding)  # type: ignore[arg-type]
    golden.fill(network)
    return network.eval()


def test_another_library_gives_the_same_outputs_spikes_and_gradients() -> None:
    made = json.loads(golden.GOLDEN.read_text(encoding="utf-8"))
    images = golden.images().requires_grad_()
    found = through_time([small(Neuron(golden.LEAK, golden.THRESHOLD))] * golden.STEPS, images)
    torch.testing.assert_close(found.outputs, torch.tensor(made["outputs"]), atol=2e-5, rtol=1e-5)
    assert [float(rates.mean()) for rates in found.rates.values()] == pytest.approx(made["rates"], abs=1e-6)
    found.outputs[-1].square().sum().backward()
    assert images.grad is not None
    expected = torch.tensor(made["gradient"])
    atol = 1e-4 * float(expected.abs().max())
    torch.testing.assert_close(images.grad[:, :, 10, ::4], expected, atol=atol, rtol=1e-3)


@pytest.mark.parametrize("coding", ["direct", "poisson"])
def test_steps_apart_are_the_steps_together(coding: str) -> None:
    """A network read anew at each step, all readings alike, is the network; and the outputs only add up."""
    network = small(Neuron(0.9, 1.0), coding=coding)
    copies = [small(Neuron(0.9, 1.0), coding=coding) for _ in range(golden.STEPS)]
    together, apart = (through_time(one, golden.images()) for one in ([network] * golden.STEPS, copies))
    torch.testing.assert_close(together.outputs, apart.outputs)
    torch.testing.assert_close(network(golden.images()), together.outputs[-1] / golden.STEPS)
    assert ("images" in together.rates) == (coding == "poisson")


def test_a_converted_network_comes_near_to_its_origin_with_many_steps() -> None:
    origin, images = small(None), golden.images()
    wanted = origin(images)
    balanced = balance(origin, images, 1.0, "direct")
    folded = fold(balanced)
    torch.testing.assert_close(folded(images), balanced(images), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(balanced(images), wanted, atol=1e-4, rtol=1e-4)
    assert all(norm.weight.eq(1).all() for norm in folded.norms().values())
    errors = []
    for steps in (4, 32, 256):
        converted = spiking(folded, Neuron(1.0, 1.0, 0.5), steps, "direct").eval()
        errors.append(((converted(images) - wanted).norm() / wanted.norm()).item())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.05


def test_silence_gives_numbers() -> None:
    found = through_time([small(Neuron(0.9, 1e9))] * 3, golden.images())
    assert not any(rates.any() for rates in found.rates.values())
    assert torch.isfinite(found.outputs).all()


def test_a_network_that_is_no_vgg_is_refused() -> None:
    resnet = build(NARROW.model_copy(update={"network": "resnet20"}), 0)
    with pytest.raises(ArtifactError, match="resnet20 cannot spike"):
        spiking(resnet, None)


# --- on crossbars -----------------------------------------------------------------------------------------------


@pytest.fixture
def make_work(
    trained_tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Experiment]:
    """Makes the experiment, its VGG trained, with changes by section."""
    monkeypatch.chdir(shutil.copytree(trained_tiny, tmp_path / "work"))
    return lambda **sections: Experiment("tiny-vgg11", tiny_profile(**sections))


def test_ideal_crossbars_compute_what_software_does(make_work) -> None:
    wires = dict.fromkeys(("driver_ohm", "row_wire_ohm", "column_wire_ohm", "sense_ohm"), 0.0)
    work = make_work(circuit=wires, devices={"variation_sigma": 0.0}, spiking={"read_noise": "none"})
    networks = on_crossbars.make(work)
    table = on_crossbars.evaluate(work, networks)
    assert set(TABLES["spiking"].columns) <= set(table.columns)
    # A current within rounding of the threshold may spike on one side only.
    assert table["output_error"].max() < 0.02
    energy = on_crossbars.energy_table(work, networks)
    assert set(TABLES["spiking_energy"].columns) <= set(energy.columns)
    # The first layer is read once, the others once in each step.
    own = energy.query("kind == 'trained' and crossbar_size == 8").set_index("steps")["conversions"]
    assert own[3] - own[2] == own[2] - own[1] > 0


def test_steps_meet_the_same_devices_and_read_noise_of_their_own(make_work) -> None:
    work = make_work()
    network = small(Neuron(0.9, 1.0))
    read = dict(on_crossbars.readings(network, 8, 0, work.params))
    still, fresh = read["none"], read["fresh"]
    assert all(one is still[0] for one in still)
    weights = [one.weights()["conv3"] for one in fresh]
    assert len(weights) == 3
    assert not any(torch.equal(one, other) for one, other in itertools.pairwise(weights))
    # The noise is around the devices: its mean over many steps comes nearer to them than a single step.
    far = [(one - still[0].weights()["conv3"]).norm().item() for one in (weights[0], sum(weights) / 3)]
    assert far[1] < far[0]


def test_a_threshold_that_no_neuron_reaches_is_said(make_work, capsys: pytest.CaptureFixture[str]) -> None:
    work = make_work(spiking={"threshold": 1e9})
    networks = on_crossbars.make(work)
    table = on_crossbars.evaluate(work, networks)
    said = [line for line in capsys.readouterr().out.splitlines() if "no neuron of" in line]
    assert len(said) == 1
    assert "tiny-vgg11, trained: no neuron of conv1, " in said[0]
    silent = table[table["kind"] == "trained"]
    assert (silent["spike_rate"] == 0).all()
    assert silent[["accuracy", "output_error"]].notna().all(axis=None)
    assert on_crossbars.energy_table(work, networks)["energy_uj"].notna().all()


# --- S1 and S2 --------------------------------------------------------------------------------------------------


def test_verdicts_follow_what_the_steps_cost() -> None:
    params = make_params(1, (16, 32), further=True)
    table = make_results(params).spiking

    def judged(rows: pd.DataFrame) -> list[OwnClaim]:
        return spiking_statements(context(params), rows)

    grow, few = judged(table)
    assert (grow.overall, few.overall) == ("supported", "supported")
    # From one step for the trained network and from four for the converted one, which guesses with one, up to sixteen.
    assert grow.cases[0].effect == pytest.approx((4 + 2) / 2, abs=0.2)
    assert few.cases[0].effect == pytest.approx(12 + 4 - (3 + 2), abs=0.2)
    shrunk = table.assign(output_error=1 - table["output_error"])
    assert judged(shrunk)[0].overall == "contradicted"
    software = table["software_accuracy"]
    lost = (10 + table["seed"] / 10) * (table["kind"] == "trained")
    turned = table.assign(accuracy=software - lost)
    assert judged(turned)[1].overall == "contradicted"
    guessing = judged(table.assign(software_accuracy=11.0, accuracy=10.0))
    assert [one.overall for one in guessing] == ["not testable", "not testable"]
    assert "nan" not in str([one.model_dump_json() for one in (grow, few, *guessing)]).lower()
    assert judged(table[:0]) == []
