"""The networks: the papers' layer lists, removing filters, and where a smaller layer sits in the whole one."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from conftest import MakeNetwork

from xbarpaper.networks.matrix import matrix_of
from xbarpaper.networks.vgg import Architecture, Vgg, build, placements, state_forms, without_filters
from xbarpaper.support.errors import ArtifactError

# Table 1 of arXiv 1409.1556, columns A and D: filters of each convolution, M is a pooling.
PAPER = {
    "vgg11": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "vgg16": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
}
MILLIONS = {"vgg11": 9.2, "vgg16": 14.7}  # as usually quoted for 32 x 32 images and ten classes


def whole(network: str = "vgg11", width: float = 1.0, classes: int = 10) -> Architecture:
    return Architecture(network=network, width=width, classes=classes)


def some_filters(network: Vgg, seed: int) -> tuple[tuple[int, ...], ...]:
    """A random half, at least one, of each convolution's filters, ascending."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        tuple(sorted(torch.randperm(n, generator=generator)[: max(1, n // 2)].tolist()))
        for n in network.architecture.channels
    )


def state(network: Vgg) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("network", PAPER)
def test_layers_are_those_of_the_paper(network: str):
    filters = [int(word) for word in PAPER[network].split() if word != "M"]
    built = build(whole(network), 0)
    weights = built.weights()

    shapes = [(out, into, 3, 3) for into, out in pairwise([3, *filters])]
    assert [tuple(weight.shape) for weight in weights.values()] == [*shapes, (10, 512)]
    assert list(weights) == [*(f"conv{n + 1}" for n in range(len(filters))), "classifier"]
    pooled = [word == "M" for before, word in pairwise(PAPER[network].split()) if before != "M"]
    assert [block.pooled for block in built.convolution_blocks()] == pooled

    count = sum(weight.numel() for weight in weights.values())
    assert count == sum(9 * into * out for into, out in pairwise([3, *filters])) + 512 * 10
    assert round(count / 1e6, 1) == MILLIONS[network]
    digital = sum(2 * n for n in filters) + 10  # batch norm's scale and shift, the classifier's bias
    assert sum(parameter.numel() for parameter in built.parameters()) == count + digital


@pytest.mark.parametrize(
    ("width", "channels"),
    [
        (1.0, (64, 128, 256, 256, 512, 512, 512, 512)),
        (0.25, (16, 32, 64, 64, 128, 128, 128, 128)),
        (0.06, (4, 8, 15, 15, 31, 31, 31, 31)),
        (0.001, (1, 1, 1, 1, 1, 1, 1, 1)),
    ],
)
def test_width_scales_every_convolution(width: float, channels: tuple[int, ...]):
    assert whole(width=width).channels == channels


@pytest.mark.parametrize("network", PAPER)
@pytest.mark.parametrize(("images", "classes"), [(1, 10), (3, 100), (2, 2)])
def test_logits_have_a_row_per_image_and_a_column_per_class(
    make_network: MakeNetwork, network: str, images: int, classes: int
):
    logits = make_network(network, classes=classes)(torch.randn(images, 3, 32, 32))
    assert logits.shape == (images, classes)
    assert torch.isfinite(logits).all()


def test_the_seed_decides_the_weights_and_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    one, same, other = (state(build(whole(width=0.05), seed)) for seed in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["classifier.weight"], other["classifier.weight"])


@pytest.mark.parametrize("network", PAPER)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_network_without_filters_computes_what_silenced_filters_leave(
    make_network: MakeNetwork, network: str, seed: int
):
    source = make_network(network, width=0.1, seed=seed)
    kept = some_filters(source, seed)
    smaller = without_filters(source, kept).eval()

    silenced = build(source.architecture, 0).eval()
    silenced.load_state_dict(source.state_dict())
    with torch.no_grad():
        for block, filters in zip(silenced.convolution_blocks(), kept, strict=True):
            gone = [n for n in range(block.convolution.out_channels) if n not in filters]
            block.convolution.weight[gone] = 0
            block.normalisation.weight[gone] = 0  # so that nothing but zero leaves the filter
            block.normalisation.bias[gone] = 0
        images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
        expected, computed = silenced(images), smaller(images)

    # The same sums with zeros left out, in another order: float32 rounding through the layers.
    torch.testing.assert_close(computed, expected, rtol=1e-4, atol=1e-4)
    assert smaller.architecture.channels == tuple(map(len, kept))
    assert [b.convolution.out_channels for b in smaller.convolution_blocks()] == list(map(len, kept))


def test_removing_filters_leaves_the_network_given_as_it_was(make_network: MakeNetwork):
    source = make_network()
    before = state(source)
    smaller = without_filters(source, some_filters(source, 0))
    with torch.no_grad():
        for parameter in smaller.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in source.state_dict().items())


def test_keeping_every_filter_changes_no_weight(make_network: MakeNetwork):
    source = make_network()
    everything = tuple(tuple(range(n)) for n in source.architecture.channels)
    same = without_filters(source, everything).state_dict()
    assert all(torch.equal(value, same[name]) for name, value in source.state_dict().items())


def test_a_convolution_must_keep_a_filter(make_network: MakeNetwork):
    source = make_network()
    kept = list(some_filters(source, 0))
    kept[2] = ()
    with pytest.raises(ArtifactError, match="conv3 would lose all its filters"):
        without_filters(source, tuple(kept))


def test_filters_are_removed_from_whole_networks_only(make_network: MakeNetwork):
    source = make_network()
    smaller = without_filters(source, some_filters(source, 0))
    with pytest.raises(ArtifactError, match="has them all"):
        without_filters(smaller, some_filters(smaller, 0))


@pytest.mark.parametrize("network", PAPER)
def test_placements_say_where_a_smaller_layer_sits_in_the_whole_one(make_network: MakeNetwork, network: str):
    source = make_network(network, width=0.1)
    smaller = without_filters(source, some_filters(source, 3))
    originals = {name: matrix_of(weight.detach()) for name, weight in source.weights().items()}
    places = placements(smaller.architecture)
    assert list(places) == list(originals)
    for name, weight in smaller.weights().items():
        matrix = matrix_of(weight.detach())
        place, original = places[name], originals[name]
        assert place.full_shape == original.shape
        assert torch.equal(place.extract(original), matrix)

        embedded = place.embed(matrix)
        assert torch.equal(place.extract(embedded), matrix)
        inside = place.embed(torch.ones_like(matrix, dtype=torch.bool))
        assert int(inside.sum()) == matrix.numel()
        assert torch.equal(embedded, original.where(inside, torch.zeros(())))


def test_placements_of_a_whole_network_are_the_identity(make_network: MakeNetwork):
    source = make_network()
    for place, weight in zip(
        placements(source.architecture).values(), source.weights().values(), strict=True
    ):
        matrix = matrix_of(weight.detach())
        assert torch.equal(place.embed(matrix), matrix)
        assert torch.equal(place.extract(matrix), matrix)


@pytest.mark.parametrize("network", ["vgg11", "vgg16"])
def test_the_forms_of_a_state_are_known_before_the_network_is_built(network: str):
    kept = tuple(tuple(range(n % 2 + 1)) for n in range(8)) if network == "vgg11" else None
    architecture = Architecture.model_validate(
        {"network": network, "width": 0.05, "classes": 7, "kept_filters": kept}
    )
    state = Vgg(architecture).state_dict()
    assert state_forms(architecture) == {name: (tuple(v.shape), v.dtype) for name, v in state.items()}


@pytest.mark.parametrize(
    "change",
    [
        {"width": 1e6}, {"width": float("nan")}, {"width": 0.0}, {"classes": 10**9}, {"kept_filters": ()},
        {"kept_filters": ((),) * 8}, {"kept_filters": ((0, 0),) * 8}, {"kept_filters": ((10**9,),) * 8},
    ],
)  # fmt: skip
def test_an_architecture_that_cannot_be_is_refused(change: dict[str, object]):
    with pytest.raises(ValueError, match=r"Input should be|kept_filters"):
        Architecture.model_validate({"network": "vgg11", "width": 0.05, "classes": 10} | change)
