"""Training on crossbars: writes by worked numbers, the backward circuit by a referee, ideal hardware as in software."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from circuits import DEFAULTS, IDEAL, PARASITICS, ohms
from conftest import DEVICES, MakeNetwork, MakeParams
from hypothesis import given
from hypothesis import strategies as st
from subjects import bits, same
from synthetic_results import context, make_results
from synthetic_results import make_params as make_synthetic

from xbarpaper.claims.on_crossbar_training import thresholds, training_statements
from xbarpaper.data import ImageSet
from xbarpaper.experiments import on_crossbar_training, trained
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.experiments.results import TABLES
from xbarpaper.hardware import in_place, map_network, read_out
from xbarpaper.hardware.circuit import (
    effective_conductance,
    reference_effective_conductance,
    seen_from_columns,
)
from xbarpaper.hardware.effects import chip
from xbarpaper.hardware.in_place import Surroundings, on_crossbars
from xbarpaper.hardware.mapped import MappedNetwork
from xbarpaper.hardware.writing import Write
from xbarpaper.networks import Network, training
from xbarpaper.networks.runs import Run
from xbarpaper.networks.training import train
from xbarpaper.params import Params, Parasitics
from xbarpaper.pruning import compaction_of, unpruned
from xbarpaper.support.errors import TrainingError

NAME = "tiny-vgg11"
ALL = ("forward", "backward", "update")
LOW, HIGH = DEVICES.g_min_siemens, DEVICES.g_max_siemens

# --- writes -----------------------------------------------------------------------------------------------------


def written(write: Write, share: float, change: float, seed: int = 0) -> float:
    """Where a device ends that begins at a share of the range and is asked for a change, as a share of the range."""
    range_siemens, generator = HIGH - LOW, torch.Generator().manual_seed(seed)
    before = torch.tensor([LOW + range_siemens * share], dtype=torch.float64)
    asked = torch.tensor([range_siemens * change], dtype=torch.float64)
    after = write(before, asked, DEVICES, generator).item()
    assert LOW <= after <= HIGH
    return (after - LOW) / range_siemens


@pytest.mark.parametrize(
    ("pulses_over_a", "start", "change", "microsiemens"),
    [
        # NeuroSim's G_LTP and G_LTD of 32 pulses, 5 to 50 uS: A = 22.466592 (its label 1.75) and 27.157664 (1.46).
        (32 / 22.466592, 0.0, 8 / 32, 22.754273),
        (32 / 22.466592, 0.0, 16 / 32, 35.189607),
        (32 / 27.157664, 1.0, -8 / 32, 33.412486),
        (32 / 27.157664, 1.0, -16 / 32, 21.057322),
        (0.0, 0.25, 0.5, 38.75),
        (0.0, 0.75, -1.0, 5.0),
    ],
)
def test_writes_by_worked_numbers(
    pulses_over_a: float, start: float, change: float, microsiemens: float
) -> None:
    after = written(Write(pulses_over_a), start, change)
    assert 1e6 * (LOW + (HIGH - LOW) * after) == pytest.approx(microsiemens, abs=1e-6)


shares = st.floats(0, 1)
changes = st.floats(-1.5, 1.5)
curves = st.floats(0, 20)


@given(share=shares, change=changes, curve=curves, noise=st.floats(0, 10), seed=st.integers(0, 9))
def test_a_write_stays_in_the_range(
    share: float, change: float, curve: float, noise: float, seed: int
) -> None:
    written(Write(curve, noise), share, change, seed)  # asserts it
    assert written(Write(curve, noise), share, 0.0, seed) == pytest.approx(share, abs=1e-12)


@given(share=shares, change=changes)
def test_without_a_curve_a_write_is_linear(share: float, change: float) -> None:
    assert written(Write(), share, change) == pytest.approx(min(max(share + change, 0), 1), abs=1e-9)
    assert written(Write(1e-7), share, change) == pytest.approx(written(Write(), share, change), abs=1e-6)


@given(share=shares, first=st.floats(0, 1), second=st.floats(0, 1), curve=curves, falls=st.booleans())
def test_two_writes_are_the_write_of_both(
    share: float, first: float, second: float, curve: float, falls: bool
) -> None:
    write, sign = Write(curve), -1 if falls else 1
    between = written(write, share, sign * first)
    assert sign * (between - share) >= -1e-12  # it goes where it is asked to
    after = written(write, between, sign * second)
    assert after == pytest.approx(written(write, share, sign * (first + second)), abs=1e-9)


@given(share=shares, change=changes, curve=curves)
def test_falling_mirrors_rising(share: float, change: float, curve: float) -> None:
    assert written(Write(curve), 1 - share, -change) == pytest.approx(
        1 - written(Write(curve), share, change), abs=1e-9
    )


@pytest.mark.parametrize("parts", [1, 4])
def test_the_noise_of_a_write_is_that_of_its_pulses(parts: int) -> None:
    devices, count, share = 40_000, 0.04, 0.3
    generator = torch.Generator().manual_seed(0)
    middle = torch.full((devices,), (LOW + HIGH) / 2, dtype=torch.float64)
    after = middle
    for _ in range(parts):
        asked = torch.full_like(after, count / parts * (HIGH - LOW))
        after = Write(0.0, share)(after, asked, DEVICES, generator)
    moved = (after - middle) / (HIGH - LOW)
    assert moved.mean().item() == pytest.approx(count, abs=4 * share * count**0.5 / devices**0.5)
    assert moved.std().item() == pytest.approx(share * count**0.5, rel=4 / (2 * devices) ** 0.5)


# --- the circuit, driven from its columns ------------------------------------------------------------------------


@pytest.mark.parametrize("parasitics", PARASITICS, ids=str)
def test_backward_currents_are_those_of_the_crossbar_laid_on_its_side(parasitics: Parasitics) -> None:
    """Zero resistances too: the columns become rows, their feet, where the drivers now are, come first."""
    G = np.random.default_rng(1).uniform(LOW, HIGH, (5, 7))
    driver, row, column, sense = (ohm for _, ohm in parasitics)
    turned = ohms(driver, column, row, sense)
    wanted = reference_effective_conductance(G.T[::-1, ::-1], turned)[::-1, ::-1]
    found = effective_conductance(torch.from_numpy(G), seen_from_columns(parasitics)).mT.numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * wanted.max())


# --- the training -----------------------------------------------------------------------------------------------


def mapped_at(network: Network, factor: float = 1.0) -> MappedNetwork:
    """A network on crossbars of 8 x 8; the largest weight programs that share of the range's upper end."""
    w_max = {name: factor * float(weight.detach().abs().max()) for name, weight in network.weights().items()}
    return map_network(unpruned(network), compaction_of("unpruned"), 8, w_max)


def surroundings(**changes: Any) -> Surroundings:
    usual = Surroundings(DEVICES, ohms(500.0, 5.0, 10.0, 2e3), "layer", ALL, 2, Write(0.1, 0.05), 3)
    return replace(usual, **changes)


def run_of(make_params: MakeParams, rate: float = 0.02) -> Run:
    return Run("tiny", make_params().train, 1, rate, 7)


def trained_state(
    network: Network, images: ImageSet, run: Run, meets: Surroundings, factor: float = 1.0
) -> dict[str, torch.Tensor]:
    with on_crossbars(mapped_at(network, factor), meets, "tiny on crossbars") as crossbars:
        train(network, images, replace(run, constraints=(crossbars,)))
    return bits(network)


NOMINAL = DEVICES.model_copy(update={"variation_sigma": 0.0})


@pytest.mark.parametrize(
    "meets",
    [
        surroundings(devices=NOMINAL, parasitics=IDEAL, gain="none", write=Write()),
        surroundings(devices=NOMINAL, parasitics=None, refresh_steps=1, write=Write()),
        surroundings(phases=()),
    ],
    ids=["ideal resistances", "no circuit", "exact phases"],
)
def test_ideal_hardware_trains_as_software_does(
    meets: Surroundings, make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet
) -> None:
    plain, run = make_network(), run_of(make_params)
    train(plain, tiny_images, run)
    found = trained_state(make_network(), tiny_images, run, meets, factor=3.0)
    begun = make_network().state_dict()
    moved = max(float((plain.state_dict()[name] - value).abs().max()) for name, value in begun.items())
    assert moved > 0.01
    for name, value in plain.state_dict().items():  # float32: each write rounds to some 1e-7 of the range
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=2e-4)


def test_the_same_bits_twice_and_others_on_another_chip(
    make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet
) -> None:
    run = run_of(make_params)
    one, again, other = (
        trained_state(make_network(), tiny_images, run, surroundings(seed=seed)) for seed in (3, 3, 4)
    )
    assert same(one, again)
    assert not torch.equal(one["blocks.0.convolution.weight"], other["blocks.0.convolution.weight"])


@pytest.mark.parametrize("gain", ["none", "layer", "tile", "column"])
def test_the_forward_pass_is_that_of_the_non_ideal_twin(gain: Any, make_network: MakeNetwork) -> None:
    network = make_network()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    meets = surroundings(gain=gain)
    mapped, plain = mapped_at(network), network(images)
    twin = read_out(mapped, DEVICES, chip(DEVICES, meets.seed), meets.parasitics).twin(gain)
    with torch.no_grad():
        with on_crossbars(mapped, meets, "tiny"):
            found = network(images)
        torch.testing.assert_close(found, twin(images), rtol=1e-4, atol=1e-4)
        assert not torch.allclose(found, plain, rtol=1e-2)
        torch.testing.assert_close(network(images), plain, rtol=1e-4, atol=1e-4)  # as before the block


def test_errors_go_back_through_the_circuit_driven_from_the_columns(make_network: MakeNetwork) -> None:
    """Outputs and the gradient of the weights are exact, the gradient of the inputs is that of the backward crossbars."""
    network, meets = make_network(), surroundings(phases=("backward",))
    mapped = mapped_at(network)
    assert meets.parasitics is not None
    other, name = seen_from_columns(meets.parasitics), "blocks.1.convolution"
    layer = network.blocks[1].convolution
    back = read_out(mapped, DEVICES, chip(DEVICES, 3), other).twin("layer")
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(2, layer.in_channels, 16, 16, generator=generator).requires_grad_()
    plain = layer(inputs)
    errors = torch.randn(plain.shape, generator=generator)
    (exact,) = torch.autograd.grad(plain, layer.weight, errors)
    with on_crossbars(mapped, meets, "tiny"):
        outputs = layer(inputs)
        at_inputs, at_weights = torch.autograd.grad(outputs, (inputs, layer.weight), errors)
    torch.testing.assert_close(outputs, plain)
    torch.testing.assert_close(at_weights, exact)
    weight = back.get_submodule(name).get_parameter("weight")
    wanted = torch.nn.grad.conv2d_input(inputs.shape, weight, errors, padding=1)
    torch.testing.assert_close(at_inputs, wanted, rtol=1e-4, atol=1e-5)
    forward = read_out(mapped, DEVICES, chip(DEVICES, 3), meets.parasitics).twin("layer")
    # Drivers and sense circuits differ here, so the two circuits do.
    assert not torch.allclose(weight, forward.get_submodule(name).get_parameter("weight"), rtol=1e-3)


@pytest.mark.parametrize(
    ("phases", "every", "solutions"),
    [(ALL, 1, 10), (ALL, 3, 4), (("forward",), 1, 5), (("forward",), 3, 2), (("update",), 1, 0)],
)
def test_circuits_are_solved_anew_every_few_steps(
    phases: Any,
    every: int,
    solutions: int,
    make_network: MakeNetwork,
    make_params: MakeParams,
    tiny_images: ImageSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once before the first of four steps, and in each direction whose ends differ."""
    solved = list[Parasitics]()

    def noted(tiles: torch.Tensor, parasitics: Parasitics) -> torch.Tensor:
        solved.append(parasitics)
        return effective_conductance(tiles, parasitics)

    monkeypatch.setattr(in_place, "effective_conductance", noted)
    meets = surroundings(phases=phases, refresh_steps=every)
    trained_state(make_network(), tiny_images, run_of(make_params), meets)
    assert len(solved) == solutions
    solved.clear()
    trained_state(make_network(), tiny_images, run_of(make_params), replace(meets, parasitics=DEFAULTS))
    assert len(solved) == (solutions if phases == ("forward",) else solutions // 2)  # both ends alike


def test_weights_stay_within_the_range_of_the_devices(
    make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet
) -> None:
    network = make_network()
    limits = {name: float(weight.detach().abs().max()) / 2 for name, weight in network.weights().items()}
    trained_state(network, tiny_images, run_of(make_params), surroundings(write=Write(5.0, 1.0)), factor=0.5)
    for name, weight in network.weights().items():
        assert float(weight.detach().abs().max()) <= limits[name] * (1 + 1e-6)


def test_a_training_that_diverges_ends_in_one_line(
    make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet
) -> None:
    network = make_network()
    with pytest.raises(TrainingError, match=r"^tiny.*(not numbers|the loss is nan).*lower"):
        trained_state(network, tiny_images, run_of(make_params, 1e38), surroundings())
    assert "forward" not in vars(network.blocks[0].convolution)  # it is a plain network again


# --- the experiment ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("with_images")
def test_an_experiment_trains_every_case_beside_software(make_params: MakeParams) -> None:
    fewer = {"write_nonlinearities": (0.1, 1.0), "write_noises": (), "on_off_ratios": (5.0,)}
    params = make_params(on_crossbar_training=fewer, execution={"scheduler": "none"})
    work = Experiment(NAME, params)
    table = on_crossbar_training.evaluate(work)
    assert tuple(table.columns) == TABLES["on_crossbar_training"].columns
    usual = params.on_crossbar_training.usual(params.devices)
    assert on_crossbar_training.cases(work) == [
        *(usual | {"phases": phase} for phase in ALL), usual, usual | {"refresh_steps": 1},
        usual | {"write_nonlinearity": 1.0}, usual | {"on_off_ratio": 5.0},
    ]  # fmt: skip
    assert table["seed"].tolist() == [0, 1] * 7
    assert (table.groupby("seed")["software_accuracy"].nunique() == 1).all()
    trained.train(work)
    section = params.on_crossbar_training.model_copy(update={"start": "trained", "phases": ("forward",)})
    changed = params.model_copy(update={"on_crossbar_training": section})
    again = on_crossbar_training.evaluate(Experiment(NAME, changed))
    assert set(again["phases"]) == {"forward"}
    assert again["software_accuracy"].tolist()[:2] != table["software_accuracy"].tolist()[:2]


@pytest.mark.usefixtures("with_images")
def test_a_killed_run_goes_on_with_the_trainings_that_are_missing(
    make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = {"phases": ("forward",), "write_nonlinearities": (), "write_noises": (), "on_off_ratios": ()}
    params = make_params(on_crossbar_training=fewer, execution={"scheduler": "none"})
    whole, done = on_crossbar_training._on_crossbars, list[int]()

    def counted(*given: Any) -> float:
        done.append(given[2])
        return whole(*given)

    def killed(*given: Any) -> float:
        if len(done) == 3:
            raise KeyboardInterrupt
        return counted(*given)

    monkeypatch.setattr(on_crossbar_training, "_on_crossbars", killed)
    with pytest.raises(KeyboardInterrupt):
        on_crossbar_training.evaluate(Experiment(NAME, params))
    monkeypatch.setattr(on_crossbar_training, "_on_crossbars", counted)
    epochs, real = list[str](), training._Loop.epoch
    monkeypatch.setattr(
        training._Loop, "epoch", lambda loop, *rest: (epochs.append(loop.run.title), real(loop, *rest))[1]
    )
    table = on_crossbar_training.evaluate(Experiment(NAME, params))
    assert epochs
    assert not [title for title in epochs if "in software" in title]
    assert len(done) == len(table) == 2 * len(on_crossbar_training.cases(Experiment(NAME, params)))
    shutil.rmtree("data/resume")
    pd.testing.assert_frame_equal(table, on_crossbar_training.evaluate(Experiment(NAME, params)))
    del done[:]
    other = params.model_copy(update={"circuit": params.circuit.model_copy(update={"driver_ohm": 1.0})})
    on_crossbar_training.evaluate(Experiment(NAME, other))
    assert len(done) == len(table)


# --- T1 to T6 ---------------------------------------------------------------------------------------------------


def test_verdicts_follow_what_is_lost() -> None:
    params = make_synthetic(1, (16,), further=True)
    table = make_results(params).on_crossbar_training

    def judged(rows: pd.DataFrame, given: Params = params) -> dict[str, tuple[str, float]]:
        found = training_statements(context(given), rows)
        assert all(len(one.cases) == 1 for one in found)  # one network on one size: nothing is told twice
        return {one.id: (one.overall, one.cases[0].effect or 0.0) for one in found}

    near = pytest.approx
    assert judged(table) == {
        "T1": ("supported", near(5.0, abs=0.2)), "T2": ("supported", near(3.0, abs=0.2)),
        "T3": ("supported", near(9.0, abs=0.3)), "T4": ("supported", near(6.0, abs=0.3)),
        "T5": ("supported", near(2.0, abs=0.3)), "T6": ("no effect", near(0.0, abs=0.2)),
    }  # fmt: skip
    software = table["software_accuracy"]
    turned = judged(table.assign(accuracy=2 * software - table["accuracy"]))
    assert [verdict for verdict, _ in turned.values()] == ["contradicted"] * 5 + ["no effect"]
    guessing = judged(table.assign(software_accuracy=12.0))
    assert {verdict for verdict, _ in guessing.values()} == {"not testable"}
    assert judged(table[:0]) == {}
    assert thresholds(table, params)[["parameter", "tried", "tolerated"]].to_numpy().tolist() == [
        ["write_nonlinearity", "0, 0.1, 1", 0.1], ["write_noise", "0, 0.1, 0.3", 0.1],
    ]  # fmt: skip
    # Without a case there is no statement about it.
    few = table[(table["write_nonlinearity"] != 1.0) & (table["refresh_steps"] != 1)]
    assert list(judged(few)) == ["T1", "T2", "T4", "T5"]
    every = params.on_crossbar_training.model_copy(update={"refresh_steps": 1})
    rows = table.assign(refresh_steps=1).drop_duplicates([*TABLES["on_crossbar_training"].keys])
    assert "T6" not in judged(rows, params.model_copy(update={"on_crossbar_training": every}))
