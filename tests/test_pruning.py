"""Structured pruning: which groups go, how many, and that what remains is what was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pytest
import torch
from conftest import MakeNetwork
from hypothesis import given
from hypothesis import strategies as st
from subjects import bits, same
from torch import Tensor, nn

from xbarpaper.networks import NETWORKS, Architecture, Network, WeightedLayer
from xbarpaper.networks.network import CLASSES, IMAGES
from xbarpaper.params import SCHEMES as NAMES
from xbarpaper.params import Prune
from xbarpaper.pruning import SCHEMES, growing, masked, prunable_layers, prune, unpruned
from xbarpaper.pruning.segments import column_segments
from xbarpaper.support.errors import ArtifactError

SETTINGS = Prune()
EVERYWHERE = SETTINGS.model_copy(update={"first_convolution": True, "classifier": True})
SIZE = 8


def greedy(matrix: Tensor, length: int, sparsity: float) -> Tensor:
    """Remove the weakest segment again and again while that brings the removed share nearer to the sparsity."""
    rows, columns = matrix.shape
    segments = sorted(
        (sum(abs(matrix[row, column].item()) for row in range(top, min(top + length, rows))), top, column)
        for top in range(0, rows, length)
        for column in range(columns)
    )
    keep, removed, wanted = torch.ones(rows, columns, dtype=torch.bool), 0, sparsity * rows * columns
    for _, top, column in segments[:-1]:  # one always stays
        size = min(length, rows - top)
        if abs(removed + size - wanted) >= abs(removed - wanted):
            break
        keep[top : top + length, column] = False
        removed += size
    return keep


def chain(matrices: dict[str, Tensor]) -> Network:
    """Linear layers of the given matrices, one after the other; the last writes the classes if it is a classifier."""
    written = {name: CLASSES if name == "classifier" else name for name in matrices}
    reads = ["input", *written.values()]
    sizes = {"input": len(next(iter(matrices.values())))} | {n: m.shape[1] for n, m in matrices.items()}

    class Chain(Network):
        def __init__(self) -> None:
            super().__init__(Architecture(network="vgg11", width=1, classes=10))
            for name, matrix in matrices.items():
                module = nn.Linear(*matrix.shape, bias=False)
                module.weight = nn.Parameter(matrix.T)
                self.add_module(name, module)
            self.layers = tuple(
                WeightedLayer(name, name, source, written[name], (1, 1))
                for name, source in zip(matrices, reads, strict=False)
            )

        @classmethod
        def groups(cls, width: float) -> dict[str, int]:
            return {name: size for name, size in sizes.items() if name != "classifier"}

    return Chain()


def random_matrix(rows: int, columns: int, seed: int) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def segment_sums(values: Tensor, length: int) -> list[Tensor]:
    """Sum over each segment of the columns, one row of sums per strip."""
    return [part.sum(0) for part in values.split(length)]


@given(
    strips=st.integers(1, 6), length=st.integers(1, 9), columns=st.integers(1, 12), sparsity=st.floats(0, 0.95),
    seed=st.integers(0, 2**31),
)  # fmt: skip
def test_the_weakest_segments_go_first(
    strips: int, length: int, columns: int, sparsity: float, seed: int
) -> None:
    matrix = random_matrix(strips * length, columns, seed)
    segments = sparsity * strips * columns
    if abs(segments % 1 - 0.5) > 1e-6:  # at a tie either number of segments is as near
        assert torch.equal(column_segments(matrix, length, sparsity), greedy(matrix, length, sparsity))


@given(
    rows=st.integers(1, 40), length=st.integers(1, 17), columns=st.integers(1, 12), sparsity=st.floats(0, 0.95),
    seed=st.integers(0, 2**31),
)  # fmt: skip
def test_segments_go_whole_and_in_order_for_any_shape(
    rows: int, length: int, columns: int, sparsity: float, seed: int
) -> None:
    matrix = random_matrix(rows, columns, seed)
    keep = column_segments(matrix, length, sparsity)
    kept_norms, removed_norms = [], []
    for norms, kept, sizes in zip(
        segment_sums(matrix.abs(), length),
        segment_sums(keep.long(), length),
        segment_sums(torch.ones(rows, columns, dtype=torch.long), length),
        strict=True,
    ):
        assert bool(((kept == 0) | (kept == sizes)).all())
        kept_norms += norms[kept > 0].tolist()
        removed_norms += norms[kept == 0].tolist()
    assert max(removed_norms, default=0.0) <= min(kept_norms, default=np.inf) + 1e-12
    assert keep.any()  # so that no layer falls silent
    removed = int((~keep).sum())
    assert abs(removed - sparsity * rows * columns) <= length  # within one whole segment


def test_segments_of_equal_norm_go_in_the_order_of_strips_and_columns() -> None:
    keep = column_segments(torch.ones(4, 3), 2, 0.5)
    assert keep.tolist() == [[False] * 3] * 2 + [[True] * 3] * 2


@given(
    rows=st.integers(1, 30), columns=st.integers(1, 30), size=st.integers(2, 9), seed=st.integers(0, 2**31)
)
def test_row_sparsity_is_column_sparsity_of_the_transpose(
    rows: int, columns: int, size: int, seed: int
) -> None:
    matrix = random_matrix(rows, columns, seed)
    xrs = SCHEMES["xrs"].masks(chain({"conv2": matrix}), frozenset({"conv2"}), 0.6, size)["conv2"]
    xcs = SCHEMES["xcs"].masks(chain({"conv2": matrix.T}), frozenset({"conv2"}), 0.6, size)["conv2"]
    assert torch.equal(xrs, xcs.T)
    rows_first = SCHEMES["xrs"].strips(xrs, size)
    columns_first = SCHEMES["xcs"].strips(xcs, size)
    for one, other in zip(rows_first, columns_first, strict=True):
        assert torch.equal(one.rows, other.columns)
        assert torch.equal(one.columns, other.rows)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("classifier", [False, True])
def test_the_parameters_say_which_layers_may_lose_weights(
    make_network: MakeNetwork, network: str, first: bool, classifier: bool
) -> None:
    chosen = SETTINGS.model_copy(update={"first_convolution": first, "classifier": classifier})
    layers, every = prunable_layers(make_network(network), chosen), set(make_network(network).weights())
    assert ("conv1" in layers, "classifier" in layers) == (first, classifier)
    assert every - {"conv1", "classifier"} <= layers


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("where", [SETTINGS, EVERYWHERE], ids=["inner", "everywhere"])
@pytest.mark.parametrize("sparsity", [0.0, 0.4, 0.75])
def test_the_sparsity_is_met_on_the_prunable_weights(
    make_network: MakeNetwork, name: str, where: Prune, sparsity: float
) -> None:
    network = make_network(width=0.15)
    pruned = prune(network, SCHEMES[name], where, sparsity, SIZE)
    layers = prunable_layers(network, where)
    if name == "cf":
        # Whole filters of every layer at once, two of the widest at a time: 2 * 2 / 77 of the weights, and half of it.
        assert pruned.sparsity(layers) == pytest.approx(sparsity, abs=0.03)
        assert ("conv1" in layers and sparsity > 0) == bool((~pruned.masks["conv1"]).any())
        return
    for layer, mask in pruned.masks.items():
        if layer in layers:
            assert abs(int((~mask).sum()) - sparsity * mask.numel()) <= SIZE
        else:
            assert mask.all()


@pytest.mark.parametrize("name", SCHEMES)
def test_pruning_zeroes_what_the_masks_say_and_nothing_else(make_network: MakeNetwork, name: str) -> None:
    network = make_network(width=0.1)
    whole, before = unpruned(network), bits(network)
    originals = network.matrices()
    assert whole.sparsity() == 0
    pruned = prune(network, SCHEMES[name], SETTINGS, 0.6, SIZE)
    assert same(network.state_dict(), before)
    assert list(pruned.masks) == list(originals)
    for layer, matrix in pruned.network.matrices().items():
        assert torch.equal(matrix, originals[layer] * pruned.masks[layer])
    for layer, weight in pruned.network.weights().items():
        assert pruned.weight_masks()[layer].shape == weight.shape
        assert not weight[~pruned.weight_masks()[layer]].any()


def channel_scores(network: Network, group: str) -> Tensor:
    """L1 norm per weight of each channel with all that writes and reads it, a loop over channels."""
    weights = {name: weight.detach().abs() for name, weight in network.weights().items()}
    written = [weights[layer.name] for layer in network.layers if layer.writes == group]
    read = [weights[layer.name].transpose(0, 1) for layer in network.layers if layer.reads == group]
    channels = range(network.channels[group])
    return torch.stack([torch.cat([w[n].flatten() for w in (*written, *read)]).mean() for n in channels])


@pytest.mark.parametrize("network_name", NETWORKS)
@pytest.mark.parametrize("where", [SETTINGS, EVERYWHERE], ids=["inner", "everywhere"])
def test_the_weakest_channels_go(make_network: MakeNetwork, network_name: str, where: Prune) -> None:
    network = make_network(network_name, width=0.2)
    kept = prune(network, SCHEMES["cf"], where, 0.6, SIZE).network.kept_channels
    prunable, shares = prunable_layers(network, where), []
    for group, count in network.channels.items():
        writers = {layer.name for layer in network.layers if layer.writes == group}
        alive = torch.zeros(count, dtype=torch.bool)
        alive[list(kept[group])] = True
        if group in (IMAGES, CLASSES) or not writers <= prunable:
            assert alive.all()
        else:
            scores = channel_scores(network, group)
            assert float(scores[alive].min()) >= float(scores[~alive].max())
            shares.append((int(alive.sum()), count))
    assert len(shares) >= 7
    for left, count in shares:  # every group keeps the same share, to whole channels
        assert abs(left - shares[-1][0] / shares[-1][1] * count) <= 1.0


def test_a_smaller_network_is_not_pruned_again(make_network: MakeNetwork) -> None:
    smaller = prune(make_network(), SCHEMES["cf"], SETTINGS, 0.5, SIZE).network
    with pytest.raises(ArtifactError, match="has them all"):
        prune(smaller, SCHEMES["cf"], SETTINGS, 0.5, SIZE)


@pytest.mark.parametrize("sparsity", [0.2, 0.4, 0.55, 0.65])
def test_any_number_of_filters_may_stay(sparsity: float) -> None:
    names = ["conv1", "conv2", "conv3", "conv4"]
    matrices = {n: torch.rand(9 * 9, 9) for n in names} | {"classifier": torch.rand(9, 10)}
    prunable = frozenset(names[1:])
    masks = SCHEMES["cf"].masks(chain(matrices), prunable, sparsity, 8)
    got = sum(int(masks[n].sum()) for n in prunable) / (3 * 729)
    best = min(((k + 2 * k * k / 9) / 27 for k in range(1, 10)), key=lambda left: abs(left - (1 - sparsity)))
    assert got == pytest.approx(best)


@given(sparsity=st.floats(0, 0.99), steps=st.integers(1, 20))
def test_the_sparsity_grows_to_its_end_ever_more_slowly(sparsity: float, steps: int) -> None:
    found = np.array([0.0, *growing(sparsity, steps)])
    assert found[-1] == pytest.approx(sparsity)
    rises = np.diff(found)
    assert (rises >= 0).all()
    assert (np.diff(rises) <= 1e-12).all()


@pytest.mark.parametrize("name", NAMES[1:])
def test_what_went_in_a_step_stays_away_in_the_next(name: str, make_network: MakeNetwork) -> None:
    first = masked(make_network(), SCHEMES[name], SETTINGS, 0.4, SIZE)
    second = prune(first.network, SCHEMES[name], SETTINGS, 0.7, SIZE)
    for layer, mask in second.masks.items():
        assert not (mask & ~first.masks[layer]).any()
        assert mask.sum() <= first.masks[layer].sum()


# --- networks that nobody listed ----------------------------------------------------------------------------


class Drawn(Network):
    """Stages of residual blocks; a stage without blocks makes it a chain. Norms follow the first layer of a stage."""

    stages: ClassVar[tuple[tuple[int, int, int], ...]]
    """Channels, residual blocks, and groups of each block's first convolution, of every stage."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self.parts = nn.ModuleDict()
        layers: list[WeightedLayer] = []
        for name, reads, writes, groups, normed in self.described():
            self.parts[name] = nn.Conv2d(
                self.channels[reads], self.channels[writes], 3, padding=1, groups=groups
            )
            if normed:
                self.parts[f"{name}norm"] = nn.BatchNorm2d(self.channels[writes])
            norm = f"parts.{name}norm" if normed else None
            layers.append(WeightedLayer(name, f"parts.{name}", reads, writes, (6, 6), norm))
        self.classifier = nn.Linear(4 * self.channels[writes], architecture.classes)
        self.layers = (*layers, WeightedLayer("classifier", "classifier", writes, CLASSES, (1, 1)))

    @classmethod
    def described(cls) -> Iterator[tuple[str, str, str, int, bool]]:
        reads = IMAGES
        for number, (_, blocks, groups) in enumerate(cls.stages):
            stage = f"stage{number}"
            yield f"open{number}", reads, stage, 1, True
            for block in range(blocks):
                inner = f"inner{number}{block}"
                yield f"first{number}{block}", stage, inner, groups, False
                yield f"second{number}{block}", inner, stage, 1, False
            reads = stage

    @classmethod
    def groups(cls, width: float) -> dict[str, int]:
        counts = {f"stage{n}": channels * groups for n, (channels, _, groups) in enumerate(cls.stages)}
        return counts | {
            f"inner{n}{block}": 3 * groups
            for n, (_, blocks, groups) in enumerate(cls.stages)
            for block in range(blocks)
        }

    def forward(self, features: Tensor) -> Tensor:
        parts = self.parts
        for number, (_, blocks, _) in enumerate(self.stages):
            features = parts[f"open{number}norm"](parts[f"open{number}"](features)).relu()
            for block in range(blocks):
                inner = parts[f"first{number}{block}"](features).relu()
                features = (features + parts[f"second{number}{block}"](inner)).relu()
        logits: Tensor = self.classifier(nn.functional.adaptive_avg_pool2d(features, 2).flatten(1))
        return logits


@st.composite
def drawn_networks(draw: st.DrawFn) -> Network:
    """A network in float64 of one to three stages, with norms unlike fresh ones."""
    stage = st.tuples(st.integers(1, 5), st.integers(0, 2), st.integers(1, 2))
    stages = tuple(draw(st.lists(stage, min_size=1, max_size=3)))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    made = type("Drawn", (Drawn,), {"stages": stages})(Architecture(network="vgg11", width=1, classes=3))
    for norm in made.norms().values():
        nn.init.normal_(norm.bias)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return made.double().eval()


@given(network=drawn_networks(), sparsity=st.floats(0, 0.95), where=st.sampled_from([SETTINGS, EVERYWHERE]))
def test_channels_go_in_every_layer_that_writes_or_reads_them(
    network: Network, sparsity: float, where: Prune
) -> None:
    prunable, places = prunable_layers(network, where), network.placements()
    pruned = prune(network, SCHEMES["cf"], where, sparsity, SIZE)
    kept = {group: torch.ones(n, dtype=torch.bool) for group, n in network.channels.items()}
    for layer in network.layers:
        kept[layer.writes] &= pruned.masks[layer.name].any(0)
    for layer in network.layers:
        cells = len(pruned.masks[layer.name]) // network.channels[layer.reads]
        rows = kept[layer.reads].repeat_interleave(cells)
        inside = rows[:, None] & kept[layer.writes] & places[layer.name].whole()
        assert torch.equal(pruned.masks[layer.name], inside)
        if layer.name not in prunable or places[layer.name].groups > 1:
            assert kept[layer.writes].all()
        if places[layer.name].groups > 1:
            assert kept[layer.reads].all()
    assert {group: int(alive.sum()) for group, alive in kept.items()} == pruned.network.channels


@given(network=drawn_networks(), sparsity=st.floats(0, 0.95), name=st.sampled_from(list(SCHEMES)))
def test_a_compact_network_computes_what_its_mask_says(network: Network, sparsity: float, name: str) -> None:
    pruned = prune(network, SCHEMES[name], EVERYWHERE, sparsity, SIZE)
    zeros = masked(network, SCHEMES[name], EVERYWHERE, sparsity, SIZE).network
    images = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    with torch.no_grad():  # the same sums in another order, in float64
        torch.testing.assert_close(
            pruned.network.double().eval()(images), zeros(images), rtol=1e-9, atol=1e-9
        )
    for layer, matrix in network.matrices().items():
        expected = torch.where(pruned.masks[layer], matrix, 0.0)
        torch.testing.assert_close(pruned.network.matrices()[layer], expected, rtol=1e-6, atol=1e-6)
