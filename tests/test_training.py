"""Training: it learns, it resumes to the same bits however it died, and constraints hold."""

from __future__ import annotations

import math
import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MakeNetwork, MakeParams
from subjects import bits, same, threads
from torch import Tensor

from xbarpaper.data import Images, ImageSet, normalised
from xbarpaper.networks import Architecture, build, training, weight_of, winograd
from xbarpaper.networks.inference import accuracy, device_of, forward_dtype
from xbarpaper.networks.runs import HeldMask, Run
from xbarpaper.networks.training import one_cycle_rates, train
from xbarpaper.networks.vgg import Convolution3x3
from xbarpaper.params import Train
from xbarpaper.pruning import SCHEMES, prune
from xbarpaper.support.errors import ParameterError, TrainingError

ARCHITECTURE = Architecture(network="vgg11", width=0.04, classes=10)
EPOCHS = 3

MakeRun = Callable[..., Run]


@pytest.fixture(scope="module")
def make_run(make_params: MakeParams) -> MakeRun:
    """Makes a run of three epochs; ``settings`` changes the section train."""

    def make(resume: Path | None = None, settings: dict[str, object] | None = None, **changes: object) -> Run:
        recipe = make_params(train=settings or {}).train
        values = {"title": "tiny", "epochs": EPOCHS, "learning_rate": 0.05, "seed": 7} | changes
        return Run(settings=recipe, resume=resume, **values)

    return make


def trained(images: ImageSet, run: Run) -> dict[str, Tensor]:
    network = build(ARCHITECTURE, 0)
    train(network, images, run)
    return bits(network)


def interrupt_after(epoch: int, told: list[int] | None = None) -> Callable[[int], None]:
    def interrupt(epochs: int) -> None:
        if told is not None:
            told.append(epochs)
        if epochs == epoch:
            raise KeyboardInterrupt

    return interrupt


def test_two_easy_classes_are_learnt(make_run: MakeRun) -> None:
    generator = torch.Generator().manual_seed(0)

    def coloured(count: int) -> Images:
        labels = torch.arange(count) % 2
        pixels = torch.randint(0, 60, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)
        pixels[labels == 0, 0] += 120
        pixels[labels == 1, 2] += 120
        return Images(pixels, labels)

    images = ImageSet.of("colours", "red or blue", ("red", "blue"), coloured(100), coloured(40))
    network = build(Architecture(network="vgg11", width=0.06, classes=2), 0)
    history = train(network, images, make_run(epochs=5))
    assert history["test_accuracy"].iloc[-1] > 90
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]


def test_the_history_has_a_row_per_epoch(tiny_images: ImageSet, make_run: MakeRun) -> None:
    network = build(ARCHITECTURE, 0)
    run = make_run()
    history = train(network, tiny_images, run)
    columns = ["epoch", "learning_rate", "train_loss", "train_accuracy", "test_accuracy"]
    assert list(history.columns) == columns
    assert history["epoch"].tolist() == [1, 2, 3]
    rates = one_cycle_rates(3 * 4, run.learning_rate, run.settings.warmup_share)  # four steps of 25 images
    assert history["learning_rate"].tolist() == [rates[3], rates[7], rates[11]]
    test = normalised(tiny_images.test, tiny_images, "cpu")
    assert not network.training
    assert history["test_accuracy"].iloc[-1] == accuracy(network, test, tiny_images.test.labels)


def test_the_same_run_gives_the_same_bits_and_another_seed_others(
    tiny_images: ImageSet, make_run: MakeRun
) -> None:
    """The global generator plays no part."""
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(made))
        made.append(trained(tiny_images, make_run(epochs=1, seed=seed)))
    assert same(made[0], made[1])
    assert not same(made[0], made[2])


FEW_EPOCHS = {"alternating_flip": True, "norm_bias_rate": 16.0, "average_decay": 0.9}
WEIGHTS = build(ARCHITECTURE, 0).weights()
HALF = HeldMask({name: torch.arange(w.numel()).view(w.shape) % 2 == 0 for name, w in WEIGHTS.items()})


@pytest.mark.parametrize(
    ("epochs", "settings", "constraints"),
    [((1, 3), {}, ()), ((2, 3), FEW_EPOCHS, ()), ((2,), {}, (HALF,))],
    ids=["plain", "few epochs", "constrained"],
)
def test_an_interrupted_run_goes_on_to_the_same_bits(
    tiny_images: ImageSet, make_run: MakeRun, tmp_path: Path, epochs: tuple[int, ...], settings: Any, constraints
) -> None:  # fmt: skip
    whole_network = build(ARCHITECTURE, 0)
    whole_history = train(whole_network, tiny_images, make_run(settings=settings, constraints=constraints))

    run = make_run(tmp_path / "resume" / "run.safetensors", settings, constraints=constraints)
    told: list[int] = []
    for epoch in epochs:
        with pytest.raises(KeyboardInterrupt):
            train(build(ARCHITECTURE, 0), tiny_images, run, interrupt_after(epoch, told))
    network = build(ARCHITECTURE, 0)
    history = train(network, tiny_images, run, told.append)
    assert told == list(range(1, EPOCHS + 1))
    assert same(bits(network), bits(whole_network))
    assert history.equals(whole_history)


def test_a_run_killed_in_the_middle_of_an_epoch_goes_on_to_the_same_bits(
    tiny_images: ImageSet, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, taken = make_run(tmp_path / "run.safetensors"), [0]

    def take_or_die(*arguments: Tensor) -> Tensor:
        taken[0] += 1
        if taken[0] == 7:  # the third of the four steps of the second epoch
            os.kill(os.getpid(), signal.SIGKILL)
        return take(*arguments)

    take = training.take
    with threads(1):  # a copy of a process has one, whatever the process had
        with monkeypatch.context() as patch:
            patch.setattr(training, "take", take_or_die)
            arguments = (build(ARCHITECTURE, 0), tiny_images, run)
            killed = multiprocessing.get_context("fork").Process(target=train, args=arguments)
            killed.start()
            killed.join()
        assert killed.exitcode == -signal.SIGKILL
        network, epochs = build(ARCHITECTURE, 0), []
        train(network, tiny_images, run, epochs.append)
        assert epochs == [2, 3]
        assert same(bits(network), trained(tiny_images, make_run()))


# Takes no weight: a file to go on from belongs to its constraints all the same.
EVERYTHING = HeldMask({name: torch.ones_like(w, dtype=torch.bool) for name, w in WEIGHTS.items()})
TWO_EPOCHS = {"epochs": 2, "constraints": (EVERYTHING,)}


@pytest.fixture(scope="module")
def left(tiny_images: ImageSet, make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file that such a run leaves which was cut off after its first epoch."""
    path = tmp_path_factory.mktemp("left") / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(build(ARCHITECTURE, 0), tiny_images, make_run(path, **TWO_EPOCHS), interrupt_after(1))
    return path.read_bytes()


@pytest.fixture(scope="module")
def whole(tiny_images: ImageSet, make_run: MakeRun) -> dict[str, Tensor]:
    """The network after both."""
    return trained(tiny_images, make_run(**TWO_EPOCHS))


@pytest.mark.parametrize(
    "damage", ["truncated", "text", "empty", "a folder", "a bit of a weight", "a digit of the history"]
)
def test_a_damaged_resume_file_starts_the_run_anew_and_says_so(
    tiny_images: ImageSet,
    make_run: MakeRun,
    left: bytes,
    whole: dict[str, Tensor],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: str,
) -> None:
    path, content = tmp_path / "run.safetensors", left
    run = make_run(path, **TWO_EPOCHS)
    damaged = {
        "truncated": content[: len(content) // 2],
        "text": b"not a safetensors file",
        "a bit of a weight": content[:-50] + bytes([content[-50] ^ 1]) + content[-49:],
        "a digit of the history": re.sub(rb"(train_loss\W+)\d", rb"\g<1>9", content, count=1),
    }
    path.write_bytes(damaged.get(damage, b""))
    assert path.read_bytes() != content
    if damage == "a folder":
        path.unlink()
        path.mkdir()
        restored = training._Loop(build(ARCHITECTURE, 0), tiny_images, run, torch.device("cpu")).restore()
        assert restored == (0, [])
    else:
        epochs: list[int] = []
        network = build(ARCHITECTURE, 0)
        train(network, tiny_images, run, epochs.append)
        assert epochs == [1, 2]
        assert same(bits(network), whole)
    shown = capsys.readouterr().out
    assert f"{path}: damaged, starting anew" in shown


@pytest.mark.parametrize(
    "changed",
    [
        {"learning_rate": 0.06}, {"epochs": 3}, {"seed": 8}, {"settings": {"weight_decay": 1e-3}},
        {"settings": {"flip": False}}, {"settings": {"cut_out_pixels": 4}},
        {"settings": {"average_decay": 0.5}}, {"settings": {"precision": "bfloat16"}}, {"network": 1},
        {"images": True}, {"constraints": ()},
    ],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_what_another_run_left_is_ignored(
    tiny_images: ImageSet,
    make_run: MakeRun,
    left: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, object],
) -> None:
    path = tmp_path / "run.safetensors"
    path.write_bytes(left)
    other_images = ImageSet.of("t", "other", tiny_images.classes, tiny_images.train, tiny_images.train)
    images = other_images if changed.pop("images", False) else tiny_images
    seed = changed.pop("network", 0)
    run = make_run(path, **(TWO_EPOCHS | changed))
    loop = training._Loop(build(ARCHITECTURE, seed), images, run, torch.device("cpu"))
    before = bits(loop.network)
    assert loop.restore() == (0, [])
    assert same(bits(loop.network), before)
    assert f"{path}: of another run, starting anew" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["cf", "xcs", "xrs"])
def test_masks_hold_to_the_last_bit(
    make_network: MakeNetwork, make_params: MakeParams, tiny_images: ImageSet, make_run: MakeRun, name: str
) -> None:
    pruned = prune(make_network(width=0.06), SCHEMES[name], make_params().prune, 0.6, 8)
    masks = pruned.weight_masks()
    before = bits(pruned.network)
    train(pruned.network, tiny_images, make_run(epochs=1, constraints=(HeldMask(masks),)))
    for layer, weight in pruned.network.weights().items():
        removed = weight.detach()[~masks[layer]]
        assert not removed.contiguous().view(torch.int32).any()  # not even a minus zero
        matrix = pruned.network.matrices()[layer]
        place = pruned.network.placements()[layer]
        assert torch.equal(weight_of(place.extract(matrix), weight.shape), weight)
        assert not matrix[~pruned.masks[layer]].any()
    assert not same(bits(pruned.network), before)


def test_a_loss_that_is_no_number_ends_the_run_with_its_place(
    tiny_images: ImageSet, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run.safetensors", learning_rate=1e6)
    with pytest.raises(TrainingError) as caught:
        train(build(ARCHITECTURE, 0), tiny_images, run)
    message = str(caught.value)
    assert "\n" not in message
    place = re.fullmatch(
        r"tiny: the loss is (?:nan|inf) in epoch (\d) of 3, at learning rate (\S+) \(peak 1e\+06\); lower it",
        message,
    )
    assert place is not None, message
    rates = one_cycle_rates(12, 1e6, run.settings.warmup_share)  # looked at after the four steps of an epoch
    assert place[2] == f"{rates[4 * int(place[1]) - 1]:.3g}"


@pytest.mark.parametrize(("steps", "peak", "warmup"), [(20, 0.1, 0.25), (100, 0.05, 0.3), (7, 2.0, 0.5)])
def test_rates_are_those_of_torch(steps: int, peak: float, warmup: float) -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peak, total_steps=steps + 1, pct_start=warmup, cycle_momentum=False
    )
    expected = []
    for _ in range(steps):
        expected += schedule.get_last_lr()
        optimiser.step()
        schedule.step()
    assert one_cycle_rates(steps, peak, warmup) == expected


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_too_few_steps_for_a_warm_up_start_at_the_peak(steps: int) -> None:
    rates = one_cycle_rates(steps, 0.1, 0.25)
    assert rates[0] == 0.1
    assert rates == sorted(rates, reverse=True)


def test_the_average_is_that_of_the_weights_after_every_step(
    tiny_images: ImageSet, make_run: MakeRun
) -> None:
    """At one step an epoch, runs cut off after each epoch of the same schedule show the weights of every step."""
    settings = {"batch_size": 100}
    steps = [build(ARCHITECTURE, 0) for _ in range(EPOCHS)]
    for epoch, network in enumerate(steps, start=1):
        with pytest.raises(KeyboardInterrupt):
            train(network, tiny_images, make_run(settings=settings), interrupt_after(epoch))
    expected = bits(steps[0])  # the average begins with the first
    for network in steps[1:]:
        for name, value in network.state_dict().items():
            expected[name] = 0.75 * expected[name] + 0.25 * value
    averaged = trained(tiny_images, make_run(settings=settings | {"average_decay": 0.75}))
    for name, value in averaged.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)


def test_biases_of_batch_norms_learn_faster(tiny_images: ImageSet, make_run: MakeRun) -> None:
    """After one step from zero they are so many times as far; everything else is where it was without."""
    plain, faster = (
        trained(tiny_images, make_run(epochs=1, settings={"batch_size": 100, "norm_bias_rate": rate}))
        for rate in (1.0, 16.0)
    )
    for name, value in plain.items():
        factor = 16.0 if name.endswith("normalisation.bias") else 1.0
        torch.testing.assert_close(faster[name], value * factor if value.is_floating_point() else value)


def test_images_are_mirrored_in_every_second_epoch(
    tiny_images: ImageSet, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Tensor] = []

    def remember(batch: Tensor, *, flip: Tensor, **others: object) -> Tensor:
        del others
        order = torch.argsort(batch.flatten(1).double().sum(1))  # that no epoch changes
        asked.append(flip[order])
        return batch

    monkeypatch.setattr(training, "augment", remember)
    trained(tiny_images, make_run(settings={"alternating_flip": True, "batch_size": 100}))
    first, second, third = asked
    assert torch.equal(first, third)
    assert torch.equal(first, ~second)
    assert 20 < int(first.sum()) < 80


@pytest.mark.parametrize(
    ("side", "dtype", "bound"),
    [(side, torch.float32, 5e-5) for side in (2, 4, 8)] + [(side, torch.bfloat16, 1e-2) for side in (2, 4)],
)
def test_a_convolution_of_small_maps_is_the_plain_one(side: int, dtype: torch.dtype, bound: float) -> None:
    """With its gradients, to the rounding of Winograd's transforms in float32, or that of a sum in bfloat16."""
    generator = torch.Generator().manual_seed(side)
    convolution = Convolution3x3(128, 160)
    winograd._transforms.cache_clear()
    with torch.inference_mode():  # what is kept from an evaluation must serve a training
        convolution(torch.zeros(1, 128, side, side))
    features = torch.randn(7, 128, side, side, generator=generator, requires_grad=True)
    target = torch.randn(7, 160, side, side, generator=generator)
    results = []
    for forward in (convolution, lambda x: torch.nn.functional.conv2d(x, convolution.weight, padding=1)):
        with torch.autocast("cpu", dtype, enabled=dtype is not torch.float32):
            given = forward(features)
        assert given.dtype == dtype
        gradients = torch.autograd.grad((given * target).sum(), (features, convolution.weight))
        results.append((given, *gradients))
    for one, other in zip(*results, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        assert float((one - other).detach().abs().max()) < bound * float(other.detach().abs().max())
    if dtype is torch.float32:
        assert not torch.equal(results[0][0], results[1][0])  # it is another way to compute it


@pytest.mark.parametrize("batch_size", [1, 7, 40, 1000])
def test_accuracy_is_the_share_of_right_answers(
    make_network: MakeNetwork, tiny_images: ImageSet, batch_size: int
) -> None:
    network = make_network(seed=3)
    inputs, labels = normalised(tiny_images.test, tiny_images, "cpu"), tiny_images.test.labels
    with torch.no_grad():
        answers = [int(network(image[None]).argmax()) for image in inputs]
    labels = labels.clone()
    labels[:11] = torch.tensor(answers[:11])  # so that some are right whatever the network
    right = sum(answer == truth for answer, truth in zip(answers, labels.tolist(), strict=True))
    network.train()  # accuracy must not use, nor change, batch statistics
    before = bits(network)
    assert accuracy(network, inputs, labels, batch_size) == pytest.approx(100 * right / 40)
    assert same(bits(network), before)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_both_precisions_train_float32_weights(
    tiny_images: ImageSet, make_run: MakeRun, precision: str
) -> None:
    network = build(ARCHITECTURE, 0)
    history = train(network, tiny_images, make_run(epochs=1, settings={"precision": precision}))
    assert history.map(math.isfinite).all(axis=None)
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())


@pytest.mark.parametrize(
    ("precision", "supported", "expected"),
    [
        ("float32", True, torch.float32), ("bfloat16", False, torch.bfloat16), ("auto", True, torch.bfloat16),
        ("auto", False, torch.float32),
    ],
)  # fmt: skip
def test_the_parameters_decide_the_arithmetic_or_leave_it_to_the_device(
    make_params: MakeParams,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    supported: bool,
    expected: torch.dtype,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
    settings = make_params(train={"precision": precision}).train
    assert forward_dtype(settings.precision, torch.device("cpu")) == expected


def with_device(make_params: MakeParams, device: str) -> Train:
    return make_params(train={"device": device}).train


def test_a_missing_cuda_device_is_one_clear_line(
    make_params: MakeParams, monkeypatch: pytest.MonkeyPatch, tiny_images: ImageSet
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of(with_device(make_params, "auto")).type == "cpu"
    assert device_of(with_device(make_params, "cpu")).type == "cpu"
    run = Run("tiny", with_device(make_params, "cuda"), 1, 0.1, 0)
    with pytest.raises(ParameterError, match=r"^train\.device = cuda, .* allowed here: auto, cpu$"):
        train(build(ARCHITECTURE, 0), tiny_images, run)


def test_a_batch_larger_than_the_dataset_is_the_dataset(tiny_images: ImageSet, make_run: MakeRun) -> None:
    network = build(ARCHITECTURE, 0)
    history = train(network, tiny_images, make_run(epochs=1, settings={"batch_size": 1000}))
    assert len(history) == 1
    assert int(network.norms()["conv1"].num_batches_tracked) == 1
