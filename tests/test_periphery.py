"""Crossbars between converters: rounding, ranges, bit by bit, and the folded weights where converters are ideal."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from circuits import DEFAULTS
from conftest import MakeParams
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from xbarpaper.experiments import periphery
from xbarpaper.experiments.subject import Subject
from xbarpaper.hardware import Devices, Variation, map_module, read_out
from xbarpaper.hardware.mapped import MappedNetwork, map_network
from xbarpaper.hardware.periphery import (
    IDEAL,
    Arrays,
    Converters,
    CrossbarLayer,
    Slicing,
    arrays_of,
    calibrate,
    crossbar_layers,
    digits,
    on_crossbars,
    set_adc_bits,
)
from xbarpaper.networks import Architecture, build
from xbarpaper.params import Periphery
from xbarpaper.pruning import PrunedNetwork, compaction_of
from xbarpaper.support import memory
from xbarpaper.support.errors import ParameterError

DEVICES = Devices()
EFFECTS = [Variation(0.1, 3)]
WHOLE = Slicing()


@pytest.mark.parametrize(
    ("rows", "dac", "cell", "bits"),
    [(128, 1, 2, 9), (64, 1, 2, 8), (64, 1, 1, 7), (32, 1, 2, 7), (16, 1, 2, 6), (16, 1, 1, 5)],
)
def test_lossless_bits_of_the_sheet(rows: int, dac: int, cell: int, bits: int) -> None:
    sheet = Periphery(dac_bits=dac, weight_bits=4 * cell + 1, weight_slices=4)
    assert sheet.lossless_bits(rows) == bits
    assert Periphery().lossless_bits(rows) is None  # analog weights have no last bit


def test_conversions_of_the_sheet() -> None:
    first, one = torch.tensor([0]), torch.ones(1)
    column = Arrays(rows=first, columns=first, tiles=first, conductance=one[:, None], factor=one)
    layer = CrossbarLayer(nn.Linear(1, 1, bias=False), [column], Converters(adc_bits=4))
    layer.ranges = [(0 * one, 64 * one)]
    found = layer(torch.tensor([13.7, 64.0, 70.0, -3.0])[:, None])
    torch.testing.assert_close(found, torch.tensor([12.8, 64.0, 64.0, 0.0])[:, None])


def test_an_input_goes_bit_by_bit() -> None:
    def reads(dac_bits: int) -> list[tuple[list[float], float]]:
        found = digits(torch.tensor([173.0, -173.0]), Converters(input_bits=8, dac_bits=dac_bits))
        return [(digit.tolist(), counts) for digit, counts in found]

    assert [digit for (digit, _), _ in reads(1)] == [1, 0, 1, 1, 0, 1, 0, 1]
    for dac_bits in (1, 2, 4, 8):
        assert len(reads(dac_bits)) == 8 // dac_bits
        assert sum(digit * counts for (digit, _), counts in reads(dac_bits)) == 173
        assert sum(digit * counts for (_, digit), counts in reads(dac_bits)) == -173


class Small(nn.Module):
    """A convolution, a norm's stand-in and a linear layer."""

    def __init__(self, channels: int, kernel: int, stride: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Conv2d(2, channels, kernel, stride=stride, padding=kernel // 2)
        self.last = nn.LazyLinear(3)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(nn.functional.relu(self.first(images)).flatten(1))


@torch.no_grad()
def small(channels: int = 5, kernel: int = 3, stride: int = 1, seed: int = 0) -> tuple[nn.Module, Tensor]:
    network = Small(channels, kernel, stride, seed).eval()
    images = torch.randn(4, 2, 4, 4)
    network(images)
    return network, images


def every_array(mapped: MappedNetwork, gain: str, effects=(), parasitics=None, slicing=WHOLE):
    layers = mapped.layers
    return {one.name: arrays_of(one, DEVICES, effects, parasitics, slicing, gain) for one in layers}


@settings(max_examples=12, deadline=None)
@given(
    channels=st.integers(1, 9), kernel=st.sampled_from([1, 3]), stride=st.integers(1, 2), seed=st.integers(0, 99),
    size=st.integers(3, 12), gain=st.sampled_from(["none", "layer", "tile", "column"]), data=st.data(),
)  # fmt: skip
def test_with_ideal_converters_it_is_the_folded_weight(
    channels: int, kernel: int, stride: int, seed: int, size: int, gain: str, data: Any
) -> None:
    network, images = small(channels, kernel, stride, seed)
    mapped = map_module(network, size)
    arrays = every_array(mapped, gain, EFFECTS, DEFAULTS)
    twin = read_out(mapped, DEVICES, EFFECTS, DEFAULTS).twin(gain)
    found = on_crossbars(mapped, arrays, Converters())(images)
    wanted = twin(images).detach()
    torch.testing.assert_close(found, wanted, rtol=2e-5, atol=2e-5 * float(wanted.abs().max()))
    # inputs bit by bit: the same product of rounded inputs, whatever the number of reads
    bits = data.draw(st.sampled_from([4, 8]))
    serial = [
        on_crossbars(mapped, arrays, Converters(input_bits=bits, dac_bits=dac))
        for dac in (1, bits // 2, bits)
    ]
    for one in serial:
        calibrate(one, images)
    whole = serial[-1](images)
    for one in serial[:-1]:
        torch.testing.assert_close(one(images), whole, rtol=1e-4, atol=1e-4 * float(whole.abs().max()))
    largest = crossbar_layers(serial[0])[0].largest  # a stride may leave the image's own largest out
    rounded = (images / largest * (2**bits - 1)).round() / (2**bits - 1) * largest
    expected = twin.first(rounded).detach()
    torch.testing.assert_close(
        serial[0].first(images), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max())
    )


@pytest.mark.parametrize("slices", [2, 3, 7])
def test_ideal_slices_add_up_to_the_rounded_weights(slices: int) -> None:
    network, images = small()
    mapped = map_module(network, 8)
    arrays = every_array(mapped, "none", slicing=Slicing(8, slices))
    expected = read_out(mapped, DEVICES, [], None).twin("none")
    with torch.no_grad():
        for name in ("first", "last"):
            weight = getattr(expected, name).weight
            weight.copy_((weight / weight.abs().max() * 127).round() / 127 * weight.abs().max())
    found = on_crossbars(mapped, arrays, Converters())(images)
    torch.testing.assert_close(found, expected(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scope", ["layer", "tile", "column"])
def test_more_bits_of_a_converter_come_closer(scope) -> None:
    network, images = small(9)
    mapped = map_module(network, 8)
    arrays = every_array(mapped, "layer", EFFECTS, DEFAULTS)
    converters = Converters(input_bits=6, scope=scope)
    found = on_crossbars(mapped, arrays, converters)
    calibrate(found, images)
    ideal, missed = found(images).detach(), []
    for bits in (2, 4, 6, 9, 12):
        set_adc_bits(found, bits)
        missed.append(float((found(images).detach() - ideal).norm() / ideal.norm()))
    assert missed == sorted(missed, reverse=True)
    assert missed[0] > 0.05
    assert missed[-1] < 0.03  # a code apart may round the input of the next layer to another of its 6 bits
    # codes are those of the plain rule
    layer = crossbar_layers(found)[0]
    one, (low, high) = layer.arrays[0], layer.ranges[0]
    driven = torch.randint(0, 2, (5, len(one.rows))).float()
    step = (high - low) / (2**12 - 1)
    shares = (driven @ one.conductance - low) / step.where(step > 0, torch.ones_like(step))
    plain = low + shares.round().clamp(0, 2**12 - 1) * step
    fused = low + layer._codes(driven, one, 0, False) * step
    torch.testing.assert_close(fused, plain, rtol=0, atol=float((high - low).max()) / 2**11)
    set_adc_bits(found, IDEAL)
    torch.testing.assert_close(found(images), ideal)


def test_a_quantile_clips_the_largest_currents() -> None:
    network, images = small()
    mapped = map_module(network, 8)
    arrays = every_array(mapped, "layer")
    wide, narrow = (on_crossbars(mapped, arrays, Converters(8, 1, 6, q)) for q in (1.0, 0.9))
    for one in (wide, narrow):
        calibrate(one, images)
    for (low, high), (inner_low, inner_high) in zip(
        crossbar_layers(wide)[0].ranges, crossbar_layers(narrow)[0].ranges, strict=True
    ):
        assert (inner_high <= high).all()
        assert (inner_low >= low).all()
        assert (inner_high < high).any()


def test_a_grouped_convolution_is_refused_by_name() -> None:
    mapped = map_module(nn.Sequential(nn.Conv2d(4, 4, 3, groups=2)), 8)
    with pytest.raises(ValueError, match=r"layer 0: a grouped convolution is not read tile by tile"):
        arrays_of(mapped.layers[0], DEVICES, [], None, Slicing(), "none")


def test_currents_that_do_not_fit_are_refused_before_anything_runs(
    make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layer with most: its inputs and the currents of both signs, twice, for a batch."""
    network = build(Architecture(network="vgg11", width=0.125, classes=10), 0)
    pruned = PrunedNetwork(network, {name: place.whole() for name, place in network.placements().items()})
    mapped = map_network(pruned, compaction_of("unpruned"), 8, dict.fromkeys(network.weights(), 1.0))
    subject = Subject(mapped, "unpruned", 0.0, "none", 50.0)
    monkeypatch.setattr(memory, "free", lambda: 1e9)
    few = {"batch_images": 10, "calibration_images": 10}
    periphery.require_memory(make_params(periphery=few), [subject])
    for name in few:  # the images that set the ranges are shown all at once
        with pytest.raises(ParameterError, match=rf"periphery.{name} = 900 needs .* lower it"):
            periphery.require_memory(make_params(periphery=few | {name: 900}), [subject])
