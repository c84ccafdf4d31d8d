"""Where the accuracy goes: parts of an error made by hand are found again, and layers exchanged one at a time."""

from __future__ import annotations

import pytest
import torch
from conftest import DEVICES, MakeSubject
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from xbarpaper.experiments import mechanism
from xbarpaper.experiments.evaluation import Case, disturbed
from xbarpaper.experiments.subject import Bench
from xbarpaper.hardware.circuit import Parasitics
from xbarpaper.networks.inference import accuracy


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def _share(part: Tensor, whole: Tensor) -> float:
    return float(part.square().sum() / whole.square().sum())


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.1, 1.0]))
def test_parts_add_up_to_the_error(seed: int, noise: float) -> None:
    W = _random(3, 8, 8, seed=seed)
    E = 0.7 * W + noise * _random(3, 8, 8, seed=seed + 1)
    parts = mechanism.error_parts(W, E)
    assert tuple(parts) == mechanism.PARTS
    assert min(parts.values()) >= 0
    assert sum(parts.values()) == pytest.approx(_share(E - W, W), rel=1e-9)


@pytest.mark.parametrize(
    ("part", "shape"),
    [("attenuation", (1, 1, 1)), ("crossbars", (3, 1, 1)), ("columns", (3, 1, 8)), ("rows", (3, 8, 1))],
)
def test_a_scaling_is_found_in_its_own_part(part: str, shape: tuple[int, ...]) -> None:
    """Nothing is left for finer parts, and what coarser ones take is what coarser gains can take."""
    W = _random(3, 8, 8)
    found = mechanism.error_parts(W, W * (0.3 + torch.rand(*shape, dtype=torch.float64)))
    finer = mechanism.PARTS[mechanism.PARTS.index(part) + 1 :]
    assert found[part] > 1e-3
    assert sum(found[name] for name in finer) < 1e-4 * found[part]


def test_errors_of_single_devices_are_the_rest() -> None:
    W = _random(2, 64, 64)
    parts = mechanism.error_parts(W, W + 0.1 * _random(2, 64, 64, seed=1))
    assert parts["rest"] == pytest.approx(0.01, rel=0.1)
    assert parts["rest"] > 20 * max(parts[name] for name in mechanism.PARTS[:-1])


def test_a_layer_without_weights_has_no_error() -> None:
    assert set(mechanism.error_parts(torch.zeros(2, 8, 8), torch.zeros(2, 8, 8)).values()) == {0.0}


def test_error_table_of_a_network(make_subject: MakeSubject, bench: Bench) -> None:
    subject = make_subject("cf")
    table = mechanism.error_table([subject], bench)
    names = [layer.name for layer in subject.mapped.layers]
    assert list(dict.fromkeys(table["layer"])) == names
    assert len(table) == len(names) * 3 * len(mechanism.PARTS)
    total = table.groupby(["effects", "layer"])["share"].sum()
    read = disturbed(subject.mapped, Case("wires", None, ()), DEVICES, Parasitics())
    for layer in read.layers:
        error = _share((layer.effective_weights - layer.weights).double(), layer.weights.double())
        assert total["wires", layer.layer.name] == pytest.approx(error, rel=1e-5)


def test_partial_twins_lie_between_the_network_and_its_twin(make_subject: MakeSubject) -> None:
    subject = make_subject()
    read = disturbed(subject.mapped, Case("both", 0, ()), DEVICES, Parasitics())
    names = [layer.name for layer in subject.mapped.layers]
    whole, none = read.twin("layer").state_dict(), subject.mapped.network.state_dict()
    for key, value in read.twin("layer", names).state_dict().items():
        assert torch.equal(value, whole[key])
    one = read.twin("layer", names[1:2])
    weights = zip(one.weights().values(), read.twin("layer").weights().values(), strict=True)
    assert [torch.equal(a, b) for a, b in weights] == [name == names[1] for name in names]
    assert not one.training
    for key, value in read.twin("layer", ()).state_dict().items():
        assert torch.equal(value, none[key])


def test_layer_table(make_subject: MakeSubject, bench: Bench) -> None:
    subject = make_subject("xcs")
    table = mechanism.layer_table([subject], bench, "layer", 2, 1)
    names = [layer.name for layer in subject.mapped.layers]
    assert list(table["layer"]) == names * 2
    read = disturbed(subject.mapped, Case("both", 1, ()), DEVICES, Parasitics())

    def reached(on_crossbars: list[str]) -> float:
        return accuracy(read.twin("layer", on_crossbars), bench.images, bench.labels)

    second = table[(table["seed"] == 1) & (table["layer"] == names[2])].iloc[0]
    assert second["lost_alone"] == pytest.approx(reached([]) - reached(names[2:3]))
    assert second["won_back"] == pytest.approx(reached(names[:2] + names[3:]) - reached(names))
