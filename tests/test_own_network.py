"""A reader's own module becomes its non-ideal twin, or is refused in one line that names the layer."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from conftest import DEVICES
from repository import ROOT
from torch import nn

from xbarpaper.hardware import Parasitics, Variation, map_module, read_out, views
from xbarpaper.hardware.circuit import reference_effective_conductance
from xbarpaper.support.errors import ArtifactError


def own(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """A small network with every kind of convolution that there is, and layers that stay digital."""
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding="same", padding_mode="circular"), nn.BatchNorm2d(12), nn.PReLU(12),
        nn.Conv2d(12, 24, 3, stride=2, padding=1, groups=4), nn.GroupNorm(3, 24), nn.GELU(),
        nn.Conv2d(24, 24, (3, 5), padding=(2, 4), dilation=2, groups=24), nn.InstanceNorm2d(24, affine=True),
        nn.Conv2d(24, 10, 1, bias=False), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LayerNorm(40), nn.Dropout(0.5),
        nn.Linear(40, 7),
    )  # fmt: skip
    return made.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_nothing_is_lost_where_nothing_is_disturbed(dtype: torch.dtype) -> None:
    module, images = own(dtype), torch.randn(4, 3, 12, 12).to(dtype)
    before = copy.deepcopy(module.state_dict())
    mapped = map_module(module, crossbar_size=16)
    twin = read_out(mapped, DEVICES, [], None).twin("none")
    assert type(twin) is nn.Sequential
    assert module.training
    assert not twin.training
    # conductances round at 1e-16 or 6e-8 of their range, bfloat16 weights then at 4e-3
    rounding = {torch.float64: 1e-12, torch.float32: 1e-4, torch.bfloat16: 5e-2}[dtype]
    with torch.no_grad():
        expected, found = module.eval()(images), twin(images)
        torch.testing.assert_close(found, expected, rtol=rounding, atol=rounding)
    assert found.dtype == dtype
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_crossbars_hold_each_group_by_itself() -> None:
    mapped = {layer.name: layer for layer in map_module(own(), crossbar_size=16).layers}
    # (rows, columns, groups), by hand; crossbars of 16 x 16, two signs
    assert {name: (layer.tiles.shape, layer.placement.groups) for name, layer in mapped.items()} == {
        "0": ((27, 12), 1), "3": ((108, 24), 4), "6": ((360, 24), 24), "8": ((24, 10), 1), "13": ((40, 7), 1),
    }  # fmt: skip
    crossbars = {"0": 2, "3": 4 * 2, "6": 24, "8": 2, "13": 3}
    for name, layer in mapped.items():
        assert layer.crossbars == layer.unpruned_crossbars == 2 * crossbars[name]
        assert layer.devices == 2 * own().get_submodule(name).weight.numel()
        assert torch.equal(layer.tiles.owners() >= 0, layer.mask)


def test_a_grouped_layer_with_wires_equals_the_circuits_of_its_groups() -> None:
    """Group by group, crossbar by crossbar, with the slow nodal solver and devices drawn in the full matrix."""
    module, size, sigma = own().double(), 8, Variation(0.1, seed=3)
    mapped = map_module(module, crossbar_size=size)
    read = read_out(mapped, DEVICES, [sigma], Parasitics())
    layer = next(layer for layer in mapped.layers if layer.name == "3")
    convolution, w_max = module[3], float(module[3].weight.detach().abs().max())
    rows, filters = 27, 6  # of each of the 4 groups
    drawn = sigma.disturb(layer.programmed(DEVICES), "3")
    expected = torch.zeros_like(convolution.weight)
    for group in range(4):
        effective = torch.zeros(rows, filters, dtype=torch.float64)
        for top in range(0, rows, size):
            height = min(size, rows - top)
            for sign, pair in ((1, drawn.plus), (-1, drawn.minus)):
                tile = torch.zeros(size, size, dtype=torch.float64)  # padding holds no device
                at = slice(group * rows + top, group * rows + top + height)
                tile[:height, :filters] = pair[at, group * filters : (group + 1) * filters]
                solved = torch.from_numpy(reference_effective_conductance(tile.numpy(), Parasitics()))
                effective[top : top + height] += sign * solved[:height, :filters] * w_max / 45e-6
        expected[group * filters : (group + 1) * filters] = effective.T.reshape(filters, 3, 3, 3)
    found = read.twin("none", ["3"])[3].weight
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6 * w_max)
    gain = (expected * convolution.weight).sum() / expected.square().sum()
    found = read.twin("layer", ["3"])[3].weight
    torch.testing.assert_close(found, gain * expected, rtol=1e-5, atol=1e-6 * w_max)


def with_weights(change: Callable[[nn.Linear], object]) -> nn.Module:
    made = nn.Sequential(nn.Linear(4, 4))
    with torch.no_grad():
        change(made[0])
    return made


def tied() -> nn.Module:
    made = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    made[2].weight = made[0].weight
    return made


class Bare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.scale = nn.Linear(4, 4), nn.Parameter(torch.ones(4))


class Overridden(nn.Linear):
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(features, self.weight.abs(), self.bias)


ALLOWED = r"on crossbars go Conv2d and Linear; name it in digital=\(\.\.\.\) to leave it digital$"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nn.Sequential(nn.Conv1d(3, 4, 3)), rf"^0 \(Conv1d\) cannot be mapped \(parameter weight\); {ALLOWED}"),
        (lambda: nn.ModuleDict({"up": nn.ConvTranspose2d(3, 4, 3)}), r"^up \(ConvTranspose2d\) cannot be mapped"),
        (lambda: nn.Sequential(nn.MultiheadAttention(8, 2)), r"^0 \(MultiheadAttention\) cannot be mapped"),
        (lambda: nn.Sequential(nn.LSTM(3, 4)), r"^0 \(LSTM\) cannot be mapped \(parameter weight_ih_l0\)"),
        (lambda: nn.Sequential(nn.Embedding(3, 4)), r"^0 \(Embedding\) cannot be mapped"),
        (lambda: nn.Sequential(nn.Bilinear(3, 4, 2)), r"^0 \(Bilinear\) cannot be mapped"),
        (lambda: nn.Sequential(Overridden(3, 4)), r"^0 \(Overridden\) cannot be mapped"),
        (Bare, rf"^Bare cannot be mapped \(parameter scale\); {ALLOWED}"),
        (lambda: nn.Sequential(nn.LazyConv2d(4, 3)), r"^0 \(LazyConv2d\) has not been initialised: run it once"),
        (
            lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))),
            r"^0 \(ParametrizedLinear\) is parametrised: remove its parametrisation first$",
        ),
        (tied, r"^0 \(Linear\) shares its weight with 2$"),
        (lambda: with_weights(lambda one: one.weight[1, 1].fill_(torch.nan)), r"^0 \(Linear\) .* not finite$"),
        (lambda: with_weights(lambda one: one.weight.fill_(-torch.inf)), r"^0 \(Linear\) .* not finite$"),
        (lambda: with_weights(lambda one: one.weight.zero_()), r"^0 \(Linear\) has no weight but zero, "),
        (lambda: nn.Linear(4, 4, dtype=torch.complex64), r"^Linear has weights of torch\.complex64 on cpu, "),
        (lambda: nn.Linear(4, 4, device="meta"), r"^Linear has weights of torch\.float32 on meta, "),
        (lambda: nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()), r"^Sequential has no layer for crossbars: "),
        (lambda: nn.Linear(0, 4), r"^Linear has no weight but zero, "),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings(
    "ignore:Lazy modules are a new feature", "ignore:Initializing zero-element tensors"
)
def test_what_cannot_be_mapped_is_named_in_one_line(make: Callable[[], nn.Module], says: str) -> None:
    with pytest.raises(ArtifactError, match=says) as caught:
        map_module(make(), 16)
    assert "\n" not in str(caught.value)


def test_what_is_listed_stays_digital() -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2)
    module = nn.ModuleDict({"attention": attention, "last": nn.Linear(8, 4), "first": nn.Embedding(5, 8)})
    mapped = map_module(module, 16, digital=("attention", "first"))
    assert [layer.name for layer in mapped.layers] == ["last"]  # nor what is within the attention
    twin = read_out(mapped, DEVICES, [Variation(0.1, 0)], Parasitics()).twin("layer")
    for name, value in module.state_dict().items():
        assert torch.equal(value, twin.state_dict()[name]) == (name != "last.weight")
    with pytest.raises(ArtifactError, match=r"^digital: ModuleDict has no module 'atention'$"):
        map_module(module, 16, digital=("atention",))


def test_a_view_that_names_no_layer_shows_the_fourth_or_the_last() -> None:
    assert views.layer_named(map_module(own(), 16), "").name == "8"
    assert views.layer_named(map_module(nn.Sequential(nn.Linear(4, 4)), 16), "").name == "0"


def test_a_single_layer_is_a_network() -> None:
    mapped = map_module(nn.Linear(4, 4), 16)
    assert [layer.name for layer in mapped.layers] == ["Linear"]
    assert isinstance(read_out(mapped, DEVICES, [], Parasitics()).twin("tile"), nn.Linear)


def test_the_lines_in_the_readme_run() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    section = page.split("## Your own network")[1].split("\n## ")[0]
    _, code = section.split("```python\n")
    space: dict[str, object] = {"my_network": own(), "images": torch.randn(4, 3, 12, 12)}
    exec(code.split("```")[0], space)
    assert isinstance(space["twin"], nn.Sequential)
