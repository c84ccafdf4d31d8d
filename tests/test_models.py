"""The networks: the papers' layer lists, their descriptions, and what remains when channels are removed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import pytest
import torch
from conftest import MakeNetwork
from hypothesis import given, settings
from hypothesis import strategies as st
from subjects import bits, same
from torch import nn

from xbarpaper.networks import (
    NETWORKS,
    Architecture,
    Network,
    Placement,
    WeightedLayer,
    build,
    matrix_of,
    outline,
    with_channels,
)
from xbarpaper.networks.matrix import placed
from xbarpaper.networks.network import CLASSES, IMAGES, folded
from xbarpaper.params import NetworkName
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.registry import registry

# Table 1 of arXiv 1409.1556, columns A and D: filters of each convolution, M is a pooling.
PAPER = {
    "vgg11": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "vgg16": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
}
MILLIONS = {"vgg11": 9.2, "vgg16": 14.7}  # as usually quoted for 32 x 32 images and ten classes


def whole(network: NetworkName = "vgg11", width: float = 1.0, classes: int = 10) -> Architecture:
    return Architecture(network=network, width=width, classes=classes)


def some_channels(network: Network, seed: int) -> dict[str, tuple[int, ...]]:
    """A random half, at least one, of the channels of each group that may shrink, ascending."""
    generator = torch.Generator().manual_seed(seed)
    return {
        group: tuple(sorted(torch.randperm(n, generator=generator)[: max(1, n // 2)].tolist()))
        for group, n in network.channels.items()
        if group not in (IMAGES, CLASSES)
    }


def silence(network: Network, kept: Mapping[str, tuple[int, ...]]) -> None:
    """Set the filters, in every layer and norm, to zero that write a channel which is not kept."""
    modules, norms = network.weighted_modules(), network.norms()
    with torch.no_grad():
        for layer in network.layers:
            gone = [n for n in range(network.channels[layer.writes]) if n not in kept.get(layer.writes, [n])]
            modules[layer.name].weight[gone] = 0
            if layer.norm:
                norms[layer.name].weight[gone] = 0  # so that nothing but zero leaves the filter
                norms[layer.name].bias[gone] = 0


@pytest.mark.parametrize("network", PAPER)
def test_layers_are_those_of_the_paper(network: NetworkName) -> None:
    filters = [int(word) for word in PAPER[network].split() if word != "M"]
    built = build(whole(network), 0)
    weights = built.weights()

    shapes = [(out, into, 3, 3) for into, out in pairwise([3, *filters])]
    assert [tuple(weight.shape) for weight in weights.values()] == [*shapes, (10, 512)]
    assert list(weights) == [*(f"conv{n + 1}" for n in range(len(filters))), "classifier"]
    count = sum(weight.numel() for weight in weights.values())
    assert count == sum(9 * into * out for into, out in pairwise([3, *filters])) + 512 * 10
    assert round(count / 1e6, 1) == MILLIONS[network]
    digital = sum(2 * n for n in filters) + 10  # batch norm's scale and shift, the classifier's bias
    assert sum(parameter.numel() for parameter in built.parameters()) == count + digital


def test_resnet20_is_that_of_the_paper() -> None:
    """Table 6 of arXiv 1512.03385 quotes 0.27 million; the two 1 x 1 shortcuts, with their norms, are ours."""
    built = build(whole("resnet20"), 0)
    weights = built.weights()
    path = {name: weight for name, weight in weights.items() if not name.startswith("shortcut")}
    assert list(path) == [*(f"conv{n}" for n in range(1, 20)), "classifier"]
    filters = [16] * 7 + [32] * 6 + [64] * 6
    shapes = [(out, into, 3, 3) for into, out in pairwise([3, *filters])]
    assert [tuple(weight.shape) for weight in path.values()] == [*shapes, (10, 64)]
    shortcuts = {name: tuple(weight.shape) for name, weight in weights.items() if name not in path}
    assert shortcuts == {"shortcut2": (32, 16, 1, 1), "shortcut3": (64, 32, 1, 1)}
    extra = sum(out * into + 2 * out for out, into in ((32, 16), (64, 32)))
    assert round((sum(p.numel() for p in built.parameters()) - extra) / 1e6, 2) == 0.27


@pytest.mark.parametrize("name", NETWORKS)
def test_the_description_says_what_the_forward_pass_does(
    make_network: MakeNetwork, name: NetworkName
) -> None:
    """Layers run in the order described, with outputs of the size described, and the norm described comes next."""
    network = make_network(name, width=0.1)
    ran: list[tuple[str, tuple[int, ...]]] = []
    described = {layer.module: layer for layer in network.layers}
    described |= {layer.norm: layer for layer in network.layers if layer.norm}
    for module in described:
        note = partial(lambda name, _, inputs, output: ran.append((name, tuple(output.shape))), module)
        network.get_submodule(module).register_forward_hook(note)
    network(torch.randn(2, 3, 32, 32))
    expected = []
    for layer in network.layers:
        pixels = layer.output_pixels if layer.norm else ()
        shape = (2, network.channels[layer.writes], *pixels)
        expected += [(module, shape) for module in (layer.module, layer.norm) if module]
    assert ran == expected
    named = dict(network.named_modules())
    kinds = nn.Conv2d | nn.Linear | nn.BatchNorm2d
    assert {module for module, one in named.items() if isinstance(one, kinds)} == set(described)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("name", "width"), [("vgg11", 0.3), ("vgg16", 0.1), ("resnet20", 1.0)])
def test_folding_batch_norms_changes_no_answer(
    make_network: MakeNetwork, name: NetworkName, width: float, dtype: torch.dtype
) -> None:
    """At 0.3 VGG11 has channels enough for every way in which convolutions of small maps are computed."""
    network, images = make_network(name, width=width), torch.randn(16, 3, 32, 32)
    before = bits(network)
    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype is torch.bfloat16):
        plain, fewer = network(images).float(), folded(network)(images).float()
    assert float((plain - fewer).abs().max() / plain.std()) < (0.1 if dtype is torch.bfloat16 else 1e-3)
    assert same(network.state_dict(), before)
    assert not any(isinstance(one, nn.BatchNorm2d) for one in folded(network).modules())
    other = nn.Flatten()
    assert folded(other) is other


@pytest.mark.parametrize(
    ("network", "width", "channels"),
    [
        ("vgg11", 1.0, (64, 128, 256, 256, 512, 512, 512, 512)),
        ("vgg11", 0.25, (16, 32, 64, 64, 128, 128, 128, 128)),
        ("vgg11", 0.06, (4, 8, 15, 15, 31, 31, 31, 31)),
        ("vgg11", 0.001, (1, 1, 1, 1, 1, 1, 1, 1)),
        ("resnet20", 0.25, (4, 8, 16, 4, 4, 4, 8, 8, 8, 16, 16, 16)),
    ],
)
def test_width_scales_every_group(network: NetworkName, width: float, channels: tuple[int, ...]) -> None:
    counts = outline(whole(network, width)).channels
    assert tuple(n for group, n in counts.items() if group not in (IMAGES, CLASSES)) == channels
    assert (counts[IMAGES], counts[CLASSES]) == (3, 10)


def test_the_seed_decides_the_weights_and_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    one, again, other = (bits(build(whole(width=0.05), seed)) for seed in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), before)
    assert same(one, again)
    assert not torch.equal(one["classifier.weight"], other["classifier.weight"])


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_network_without_channels_computes_what_silenced_filters_leave(
    make_network: MakeNetwork, network: str, seed: int
) -> None:
    source = make_network(network, width=0.1, seed=seed)
    before, kept = bits(source), some_channels(source, seed)
    smaller = with_channels(source, kept).eval()
    silenced = make_network(network, width=0.1, seed=seed)
    silence(silenced, kept)
    with torch.no_grad():
        images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
        # The same sums with zeros left out, in another order: float32 rounding through the layers.
        torch.testing.assert_close(smaller(images), silenced(images), rtol=1e-4, atol=1e-4)
        for parameter in smaller.parameters():
            parameter.zero_()
    assert smaller.channels == source.channels | {group: len(channels) for group, channels in kept.items()}
    assert same(source.state_dict(), before)


def test_channels_that_cannot_be_removed_are_refused(make_network: MakeNetwork) -> None:
    source = make_network()
    with pytest.raises(ArtifactError, match="conv3 would lose all its filters"):
        with_channels(source, some_channels(source, 0) | {"conv3": ()})
    smaller = with_channels(source, some_channels(source, 0))
    with pytest.raises(ArtifactError, match="has them all"):
        with_channels(smaller, some_channels(smaller, 0))


@pytest.mark.parametrize("network", NETWORKS)
def test_placements_say_where_a_smaller_layer_sits_in_the_whole_one(
    make_network: MakeNetwork, network: str
) -> None:
    source = make_network(network, width=0.1)
    smaller = with_channels(source, some_channels(source, 3))
    originals = {name: matrix_of(weight.detach()) for name, weight in source.weights().items()}
    places = smaller.placements()
    assert list(places) == list(originals)
    for name, weight in smaller.weights().items():
        matrix = matrix_of(weight.detach())
        place, original = places[name], originals[name]
        assert place.full_shape == original.shape
        assert torch.equal(place.extract(original), matrix)
        inside = place.embed(torch.ones_like(matrix, dtype=torch.bool))
        assert int(inside.sum()) == matrix.numel()
        assert torch.equal(place.embed(matrix), original.where(inside, torch.zeros(())))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("smaller", [False, True])
def test_an_outline_has_the_state_of_the_network_and_no_memory(network: NetworkName, smaller: bool) -> None:
    architecture = whole(network, 0.1, classes=7)
    if smaller:
        kept = some_channels(outline(architecture), 0)
        architecture = architecture.model_copy(update={"kept_channels": kept})
    found, built = outline(architecture).state_dict(), build(architecture, 0).state_dict()
    kinds = [{name: (one.shape, one.dtype) for name, one in state.items()} for state in (found, built)]
    assert kinds[0] == kinds[1]
    assert all(value.is_meta for value in found.values())


@pytest.mark.parametrize(
    "change",
    [
        {"width": 1e6}, {"width": float("nan")}, {"width": 0.0}, {"classes": 10**9}, {"kept_channels": ()},
        {"kept_channels": {"conv1": ()}}, {"kept_channels": {"conv1": (0, 0)}}, {"kept_channels": {"conv1": (-1, 0)}},
        {"kept_channels": {"conv1": (10**9,)}}, {"kept_channels": {"conv99": (0,)}}, {"kept_channels": {"images": (0,)}},
    ],
)  # fmt: skip
def test_an_architecture_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, ArtifactError), match=r"Input should be|kept_channels"):
        outline(Architecture.model_validate({"network": "vgg11", "width": 0.05, "classes": 10} | change))


class Described(Network):
    """A network of one convolution, whatever its description says."""

    def __init__(self, layers: tuple[WeightedLayer, ...]) -> None:
        super().__init__(whole())
        self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.layers = layers

    @classmethod
    def groups(cls, width: float) -> dict[str, int]:
        return {"inner": 4, "other": 5}


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ((), r"^Described does not describe its weighted layers$"),
        ((("norm", IMAGES, "inner"),), r"^layer one: norm is a BatchNorm2d, allowed are Conv2d and Linear$"),
        ((("convolution", IMAGES, "more"),), r"^layer one: no group 'images' or no group 'more'$"),
        ((("convolution", IMAGES, "other"),), r"^layer one: .* does not read 3 channels and write 5$"),
        ((("convolution", "other", "inner"),), r"^layer one: .* does not read 5 channels and write 4$"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    layers: tuple[tuple[str, str, str], ...], says: str
) -> None:
    network = Described(tuple(WeightedLayer("one", *layer, (30, 30)) for layer in layers))
    for refused in (network.weights, network.placements, network.matrices):
        with pytest.raises(ArtifactError, match=says):
            refused()


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([("a", 1), ("b", 2), ("a", 3)], "^thing 'a' is registered twice$"),
        ([("a", 1)], "^thing 'b' is a name of the parameters but is not registered$"),
        ([("a", 1), ("b", 2), ("c", 3)], "^thing 'c' is registered but is not a name of the parameters$"),
    ],
)
def test_a_registry_has_one_entry_for_each_name(entries: list[tuple[str, int]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        registry("thing", ("a", "b"), entries)
    assert list(registry("thing", ("a", "b"), [("b", 2), ("a", 1)])) == ["a", "b"]


# --- grouped convolutions -----------------------------------------------------------------------------------


@st.composite
def placements(draw: st.DrawFn) -> tuple[torch.Tensor, Placement]:
    """A weight of any size and its place; one that is not grouped may have lost inputs and filters."""
    groups, inputs, filters = (draw(st.integers(1, 5)) for _ in range(3))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    weight = torch.randn(groups * filters, inputs, *kernel, dtype=torch.float64)
    place = placed(weight, groups)
    if groups == 1:
        kept = [draw(st.sets(st.integers(0, count - 1), min_size=1)) for count in place.full_shape]
        rows, columns = (torch.tensor(sorted(lines)) for lines in kept)
        place = Placement(rows[None], columns[None], place.full_shape)
        return matrix_of(weight)[rows[:, None], columns], place
    return matrix_of(weight), place


@settings(max_examples=100, deadline=None)
@given(case=placements())
def test_embedding_and_extracting_are_inverse(case: tuple[torch.Tensor, Placement]) -> None:
    matrix, place = case
    full = place.embed(matrix)
    assert tuple(full.shape) == place.full_shape
    assert torch.equal(place.extract(full), matrix)
    assert torch.equal(place.embed(place.extract(full)), full)
    inside = place.embed(torch.ones_like(matrix, dtype=torch.bool))
    assert int(inside.sum()) == matrix.numel()
    assert not full[~inside].any()
    assert not (inside & ~place.whole()).any()
    assert int(place.whole().sum()) == place.full_weights
    blocks = [full[rows[:, None], columns] for rows, columns in place.blocks()]
    assert all(tuple(block.shape) == place.block_shape for block in blocks)
    assert sum(float(block.square().sum()) for block in blocks) == pytest.approx(float(full.square().sum()))
