"""Mitigations beyond the paper's: batch norm re-estimated, and fine-tuning through the circuit."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from circuits import IDEAL
from conftest import DEVICES, MakeNetwork, MakeParams, MakeSubject
from torch import nn
from torch.nn import functional

from xbarpaper.data import ImageSet, normalised
from xbarpaper.experiments.evaluation import cases, sweep
from xbarpaper.experiments.subject import Bench
from xbarpaper.hardware.circuit import Parasitics
from xbarpaper.hardware.effects import Variation
from xbarpaper.hardware.readout import read_out
from xbarpaper.mitigation import BatchNormEstimate, Surroundings, adjoint_cosine, solutions, tune, tuning
from xbarpaper.mitigation.tuned_norms import NormTuning
from xbarpaper.networks import Network, training
from xbarpaper.networks.runs import HeldMask, Run
from xbarpaper.pruning import PrunedNetwork
from xbarpaper.support.errors import ArtifactError

SURROUNDINGS = Surroundings(DEVICES, Parasitics(), "layer", refresh_steps=3, seed=0)
NOMINAL = DEVICES.model_copy(update={"variation_sigma": 0.0})
UNDISTURBED = replace(SURROUNDINGS, devices=NOMINAL, parasitics=IDEAL, gain="none")


@pytest.fixture
def estimate(tiny_images: ImageSet) -> BatchNormEstimate:
    return BatchNormEstimate.drawn(tiny_images, 60, torch.device("cpu"), torch.float32)


def run_of(make_params: MakeParams, epochs: int = 1) -> Run:
    return Run("tiny", make_params().train, epochs=epochs, learning_rate=0.01, seed=0)


# --- batch norm ---------------------------------------------------------------------------------------------


def test_the_statistics_are_those_of_the_images(
    make_network: MakeNetwork, estimate: BatchNormEstimate
) -> None:
    network = make_network()
    estimate.apply(network, network)
    features = estimate.images
    for block in network.blocks:
        found, norm = block.convolution(features).detach(), block.normalisation
        torch.testing.assert_close(norm.running_mean, found.mean((0, 2, 3)))
        torch.testing.assert_close(norm.running_var, found.var((0, 2, 3)), rtol=1e-4, atol=1e-6)
        # while it measures, it normalises by the batch itself
        features = functional.batch_norm(found, None, None, norm.weight, norm.bias, training=True).relu()
        features = functional.max_pool2d(features, 2) if block.pooled else features
    assert not network.training
    assert {norm.momentum for norm in network.norms().values()} == {0.1}


def test_a_scale_of_the_weights_is_forgotten(
    make_network: MakeNetwork, estimate: BatchNormEstimate, tiny_images: ImageSet
) -> None:
    images = normalised(tiny_images.test, tiny_images, "cpu")
    network = estimate.apply(make_network(), make_network())
    scaled = copy.deepcopy(network)
    with torch.no_grad():
        for name in scaled.norms():
            scaled.weights()[name].mul_(8.0)
    assert not torch.allclose(scaled(images), network(images), atol=0.1)
    # batch norm's epsilon does not scale along
    torch.testing.assert_close(estimate.apply(scaled, network)(images), network(images), rtol=1e-2, atol=1e-2)


def test_tuned_norms_answer_more_like_the_network_without_crossbars(
    make_network: MakeNetwork, estimate: BatchNormEstimate
) -> None:
    """Than with measured statistics alone, on the very images; weights and statistics stay as they are."""
    software = make_network()

    def disturbed() -> Network:
        network = make_network()
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for weight in network.weights().values():
                weight.mul_(1 + 0.3 * torch.randn(weight.shape, generator=generator))
        return network

    def distance(network: nn.Module) -> float:
        assert not network.training
        answers = [one(estimate.images).detach().log_softmax(1) for one in (network, software)]
        return float(functional.kl_div(*answers, reduction="batchmean", log_target=True))

    measured, tuned = disturbed(), disturbed()
    estimate.apply(measured, software)
    finish = NormTuning(estimate, epochs=10, learning_rate=0.01)
    finish.apply(tuned, software)
    assert distance(tuned) < 0.5 * distance(measured)
    before = measured.state_dict()
    changed = {name for name, value in tuned.state_dict().items() if not value.equal(before[name])}
    norms = {f"blocks.{n}.normalisation.{kind}" for n in range(8) for kind in ("weight", "bias")}
    assert changed == norms
    again = disturbed()
    finish.apply(again, software)
    assert all(value.equal(tuned.state_dict()[name]) for name, value in again.state_dict().items())


def test_images_are_drawn_from_all_classes_and_always_the_same(tiny_images: ImageSet) -> None:
    ordered = tiny_images.train.labels.sort(stable=True).indices
    pixels, labels = tiny_images.train.pixels[ordered], tiny_images.train.labels[ordered]
    by_class = replace(tiny_images, train=replace(tiny_images.train, pixels=pixels, labels=labels))
    one, same = (BatchNormEstimate.drawn(by_class, 50, torch.device("cpu"), torch.float32) for _ in range(2))
    assert torch.equal(one.images, same.images)
    assert one.digest() == same.digest()
    every = normalised(by_class.train, by_class, "cpu")
    places = [int((every == image).flatten(1).all(1).nonzero()[0]) for image in one.images]
    assert len(set(places)) == 50
    assert len(set(by_class.train.labels[places].tolist())) == len(by_class.classes)


def test_each_twin_is_finished_before_it_is_evaluated(
    make_subject: MakeSubject, bench: Bench, estimate: BatchNormEstimate, tmp_path: Path
) -> None:
    subject = make_subject()
    wanted = cases(("both",), 2, ("layer",), "layer")
    finished = replace(subject, mitigation="BN", finish=estimate)
    table = sweep([finished], wanted, bench, tmp_path / "journal.csv")
    for seed, accuracy in zip(table["seed"], table["accuracy"], strict=True):
        read = read_out(subject.mapped, DEVICES, [Variation(0.1, int(seed))], Parasitics())
        assert accuracy == bench.accuracy(estimate.apply(read.twin("layer"), read.mapped.network))
    assert set(table["mitigation"]) == {"BN"}


# --- tuning -------------------------------------------------------------------------------------------------


def test_without_disturbance_tuning_is_training(
    make_subject: MakeSubject, make_params: MakeParams, tiny_images: ImageSet
) -> None:
    subject, run = make_subject("xcs"), run_of(make_params, epochs=2)
    pruned: PrunedNetwork = subject.mapped.pruned
    expected = copy.deepcopy(pruned.network)
    training.train(expected, tiny_images, replace(run, constraints=(HeldMask(pruned.weight_masks()),)))
    layers = tuple(replace(layer, w_max=10 * layer.w_max) for layer in subject.mapped.layers)
    tune(replace(subject.mapped, layers=layers), tiny_images, run, UNDISTURBED)
    for name, weight in pruned.network.weights().items():
        torch.testing.assert_close(weight, expected.weights()[name], rtol=1e-3, atol=1e-4)
        assert (weight[~pruned.weight_masks()[name]] == 0).all()
    assert pruned.network.state_dict().keys() == expected.state_dict().keys()
    assert not pruned.network.training


def test_training_sees_what_the_crossbars_compute(
    make_subject: MakeSubject, make_params: MakeParams, tiny_images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = make_subject("cf")
    seen: dict[str, torch.Tensor] = {}

    def look(network: Network, *_: object) -> None:
        seen.update({name: weight.detach().clone() for name, weight in network.weights().items()})

    twin = read_out(subject.mapped, DEVICES, SURROUNDINGS.draw(0), Parasitics()).twin("layer")
    monkeypatch.setattr(tuning, "train", look)
    tune(subject.mapped, tiny_images, run_of(make_params), SURROUNDINGS)
    for name, weight in twin.weights().items():
        torch.testing.assert_close(seen[name], weight, rtol=1e-4, atol=1e-6)


def test_draws_of_tuning_are_not_those_of_evaluations() -> None:
    drawn = {effect.seed for number in range(1000) for effect in SURROUNDINGS.draw(number)}
    assert len(drawn) == 1000
    assert min(drawn) >= 1_000_000
    others = replace(SURROUNDINGS, seed=1)
    assert drawn.isdisjoint(effect.seed for number in range(1000) for effect in others.draw(number))


def test_circuits_are_solved_as_often_as_the_costs_say(
    make_subject: MakeSubject, make_params: MakeParams, tiny_images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(*arguments):
        calls.append(1)
        return read_out(*arguments)

    monkeypatch.setattr(tuning, "read_out", counted)
    run = run_of(make_params, epochs=2)
    steps = 2 * (len(tiny_images.train) // run.settings.batch_size)
    tune(make_subject().mapped, tiny_images, run, SURROUNDINGS)
    assert len(calls) == solutions(steps, SURROUNDINGS)


def test_the_gradient_is_nearly_that_of_the_adjoint_circuit(make_subject: MakeSubject) -> None:
    generator = torch.Generator().manual_seed(0)
    for layer in make_subject(size=16).mapped.layers:
        gradient = torch.randn(layer.matrix.shape, generator=generator)
        assert 0.98 < adjoint_cosine(layer, gradient, SURROUNDINGS) <= 1 + 1e-12
        assert adjoint_cosine(layer, gradient, UNDISTURBED) == pytest.approx(1, abs=1e-12)


def test_a_loss_that_is_not_a_number_ends_in_one_line(
    make_subject: MakeSubject, make_params: MakeParams, tiny_images: ImageSet
) -> None:
    subject = make_subject()
    keys = set(subject.mapped.network.state_dict())
    with pytest.raises(ArtifactError, match=r"tiny: weights of conv1 .* lower it"):
        tune(subject.mapped, tiny_images, replace(run_of(make_params, 3), learning_rate=1e30), SURROUNDINGS)
    assert set(subject.mapped.network.state_dict()) == keys


def test_a_run_that_would_be_resumed_is_refused(
    make_subject: MakeSubject, make_params: MakeParams, tiny_images: ImageSet, tmp_path: Path
) -> None:
    resumed = replace(run_of(make_params), resume=tmp_path / "a")
    with pytest.raises(ValueError, match="no resume file and no constraints"):
        tune(make_subject().mapped, tiny_images, resumed, SURROUNDINGS)
