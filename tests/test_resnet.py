"""ResNet-20, whose layers add into common channels, goes the whole way: pruned, mapped, disturbed and mitigated."""

from __future__ import annotations

import copy

import pytest
import torch
from conftest import DEVICES, MakeNetwork, MakeParams
from subjects import mapped, pruned_by

from xbarpaper.data import ImageSet
from xbarpaper.hardware import Devices, MappedNetwork, Parasitics, Variation, read_out
from xbarpaper.hardware.mapped import Arrangement
from xbarpaper.mitigation import (
    BatchNormEstimate,
    Precompensation,
    Surroundings,
    arranged_in_two_dimensions,
    columns_ordered,
    limits_of,
    tune,
)
from xbarpaper.networks.resnet import Shortcut
from xbarpaper.networks.runs import HeldMask, Run
from xbarpaper.networks.training import train
from xbarpaper.params import SCHEMES, Rearrange, SchemeName
from xbarpaper.pruning import PrunedNetwork

SIZE = 8
ARRANGEMENTS: dict[str, Arrangement | None] = {
    "none": None,
    "R": columns_ordered(Rearrange(order="descending")),
    "R2D": arranged_in_two_dimensions(DEVICES, Parasitics(), "layer", rounds=1),
}


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> SchemeName:
    return request.param


@pytest.fixture
def pruned(make_network: MakeNetwork, scheme: SchemeName) -> PrunedNetwork:
    return pruned_by(make_network("resnet20", width=0.2), scheme)


def on_crossbars(pruned: PrunedNetwork, scheme: SchemeName, order: str = "none") -> MappedNetwork:
    return mapped(pruned, scheme, SIZE, ARRANGEMENTS[order])


def errors(mapped: MappedNetwork, devices: Devices, parasitics: Parasitics | None) -> list[float]:
    """Squared error of each layer's weights on the crossbars."""
    read = read_out(mapped, devices, [Variation(devices.variation_sigma, 0)], parasitics)
    return [float((one.matrix("layer") - one.layer.matrix).square().sum()) for one in read.layers]


@pytest.mark.parametrize("order", ARRANGEMENTS)
def test_its_twin_is_itself_where_nothing_is_disturbed(
    pruned: PrunedNetwork, scheme: SchemeName, order: str
) -> None:
    made, images = on_crossbars(pruned, scheme, order), torch.randn(4, 3, 32, 32)
    network = pruned.network.eval()
    with torch.no_grad():  # conductances round at 6e-8 of their range, through twenty layers
        twin = read_out(made, DEVICES, [], None).twin("none")
        torch.testing.assert_close(twin(images), network(images), rtol=1e-3, atol=1e-3)
    assert [layer.name for layer in made.layers] == list(network.weights())
    assert all(error > 0 for error in errors(made, DEVICES, Parasitics()))


def test_precompensation_comes_nearer_in_every_layer(pruned: PrunedNetwork, scheme: SchemeName) -> None:
    mapped = on_crossbars(pruned, scheme)
    known = Precompensation(DEVICES, Parasitics(), "layer", rounds=3)
    after = errors(known.program(mapped, [Variation(DEVICES.variation_sigma, 0)]), DEVICES, Parasitics())
    assert all(b < a for a, b in zip(errors(mapped, DEVICES, Parasitics()), after, strict=True))


def test_its_shortcut_computes_what_a_strided_convolution_does() -> None:
    torch.manual_seed(0)
    shortcut = Shortcut(16, 32, 1, 2, bias=False)
    images = torch.randn(4, 16, 16, 16, requires_grad=True)
    found, expected = shortcut(images), torch.nn.functional.conv2d(images, shortcut.weight, stride=2)
    torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad(one.square().sum(), [images, shortcut.weight]) for one in (found, expected)]
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("scheme", ["cf", "xcs"], indirect=True)
def test_its_mask_and_its_limits_hold_through_training(
    pruned: PrunedNetwork, scheme: SchemeName, tiny_images: ImageSet, make_params: MakeParams
) -> None:
    mapped = on_crossbars(pruned, scheme)
    masks, limits = pruned.weight_masks(), limits_of(pruned, 0.9)
    before = copy.deepcopy(pruned.network.state_dict())
    run = Run("tiny", make_params().train, epochs=1, learning_rate=0.01, seed=0)
    tune(mapped, tiny_images, run, Surroundings(DEVICES, Parasitics(), "layer", refresh_steps=2, seed=0))
    held = (HeldMask(masks), limits)
    for name, weight in pruned.network.weights().items():
        assert not weight[~masks[name]].any()
    train(pruned.network, tiny_images, Run("tiny", run.settings, 1, 0.01, 0, constraints=held))
    for name, weight in pruned.network.weights().items():
        assert not weight[~masks[name]].any()
        assert float(weight.detach().abs().max()) <= limits.limits[name]
    estimate = BatchNormEstimate.drawn(tiny_images, 50, torch.device("cpu"), torch.float32)
    estimate.apply(pruned.network, pruned.network)
    for name, value in pruned.network.state_dict().items():
        if name.endswith("running_mean"):
            assert not torch.equal(value, before[name])
