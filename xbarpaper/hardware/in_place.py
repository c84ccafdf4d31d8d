"""A network that trains on its own crossbars: forward pass, backward pass and weight update by devices and circuits.

The weights are what the devices hold. Layers compute with ``W + D``, and errors go back through ``W + D'``; both
distortions, non-ideal weights minus ideal ones, come from solutions of the circuits, D driven from the rows and D' from
the columns, and are kept for some steps (arXiv 2002.11151). The gradient of a weight is the exact product of a layer's
inputs and errors. What the optimiser asks for is written to the devices: the device of the other sign falls first, then
that of the same sign rises, so that linear writes keep every pair where the mapping puts it.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from xbarpaper.hardware.circuit import effective_conductance, seen_from_columns
from xbarpaper.hardware.conductances import DifferentialPair, conductances, weights_of
from xbarpaper.hardware.effects import chip
from xbarpaper.hardware.effects.effect import generator_of
from xbarpaper.hardware.mapped import MappedLayer, MappedNetwork
from xbarpaper.hardware.readout import array_tiles, gain_factors
from xbarpaper.hardware.writing import Write
from xbarpaper.networks.matrix import matrix_of, weight_of
from xbarpaper.params import Devices, Gain, Parasitics, TrainingPhase
from xbarpaper.support.errors import TrainingError


@dataclass(frozen=True)
class Surroundings:
    """What a training on crossbars meets."""

    devices: Devices  # range of the devices, and what disturbs them
    parasitics: Parasitics | None  # resistances of drivers, wires and sensing; None for ideal ones
    gain: Gain  # calibration of the readout, in both directions
    phases: tuple[TrainingPhase, ...]  # those that are not ideal; the others are exact
    refresh_steps: int  # training steps between two solutions of the circuits
    write: Write  # how devices are written
    seed: int  # of the chip and of the noise of its writes


class _Layer:
    """A layer's devices, and what its crossbars add to its weights."""

    def __init__(self, mapped: MappedLayer, module: nn.Module, surroundings: Surroundings) -> None:
        self.mapped, self.module, self.surroundings = mapped, module, surroundings
        self.plain = copy.copy(module)  # same parameters, and its own forward
        self.weight = module.get_parameter("weight")
        self.pair = conductances(matrix_of(self.weight.detach()), surroundings.devices, mapped.w_max)
        exact: Tensor | float = 0.0  # one for both, as where one solution serves both directions
        self.distortion: dict[TrainingPhase, Tensor | float] = {"forward": exact, "backward": exact}
        self.generator = generator_of("write", surroundings.seed, mapped.name)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs through ``W + D``, whose gradient for the inputs is that through ``W + D'``."""
        there, back = self.distortion["forward"], self.distortion["backward"]
        compute = functools.partial(functional_call, self.plain)
        if there is back or not inputs.requires_grad:
            found: Tensor = compute({"weight": self.weight + there}, inputs)
            return found
        fixed = {name: value.detach() for name, value in self.plain.named_parameters()}
        other = compute(fixed | {"weight": fixed["weight"] + back}, inputs)
        # The difference is zero, and has the gradient of its first term.
        result: Tensor = compute({"weight": self.weight + there}, inputs.detach()) + (other - other.detach())
        return result

    def read(self) -> None:
        """Take what the devices stand for as the weights."""
        found = weights_of(self.pair, self.surroundings.devices, self.mapped.w_max)
        self.weight.copy_(weight_of(found, self.weight.shape))

    def write(self) -> None:
        """Write what the weights have become to the devices, and read them."""
        surroundings, pair, w_max = self.surroundings, self.pair, self.mapped.w_max
        devices = surroundings.devices
        wanted = matrix_of(self.weight) - weights_of(pair, devices, w_max)
        change = wanted * ((devices.g_max_siemens - devices.g_min_siemens) / w_max)
        rise, fall = change.clamp(min=0), (-change).clamp(min=0)
        minus_falls = torch.minimum(rise, pair.minus - devices.g_min_siemens)
        plus_falls = torch.minimum(fall, pair.plus - devices.g_min_siemens)
        write = surroundings.write if "update" in surroundings.phases else Write()
        self.pair = DifferentialPair(
            write(pair.plus, rise - minus_falls - plus_falls, devices, self.generator),
            write(pair.minus, fall - plus_falls - minus_falls, devices, self.generator),
        )
        self.read()

    def disturbed(self) -> Tensor:
        """Conductances of the chip's devices by tile, siemens, shape (2, tiles, size, size)."""
        pair = self.pair.each(lambda array: self.mapped.placement.embed(array.cpu()))
        for effect in chip(self.surroundings.devices, self.surroundings.seed):
            pair = effect.disturb(pair, self.mapped.name)
        return array_tiles(self.mapped, pair)

    def solved(self, phase: TrainingPhase, effective: Tensor) -> Tensor:
        """The distortion in a direction, from effective conductances by tile."""
        mapped, devices = self.mapped, self.surroundings.devices
        matrix = matrix_of(self.weight.detach().cpu())
        wanted = mapped.tiles.tile(mapped.placement.embed(matrix))
        seen = weights_of(DifferentialPair(effective[0], effective[1]), devices, mapped.w_max)
        if phase == "forward":
            gains = gain_factors(wanted, seen, self.surroundings.gain)
        else:
            gains = gain_factors(wanted.mT, seen.mT, self.surroundings.gain).mT
        found = mapped.placement.extract(mapped.tiles.untile(seen * gains)) - matrix
        return weight_of(found, self.weight.shape).to(self.weight)


class Crossbars:
    """A constraint of the training: writes the devices after every step, and solves the circuits every few."""

    def __init__(self, mapped: MappedNetwork, surroundings: Surroundings, title: str) -> None:
        self.surroundings, self.title, self.steps = surroundings, title, 0
        self.layers = [
            _Layer(layer, mapped.network.get_submodule(layer.module), surroundings) for layer in mapped.layers
        ]

    @torch.no_grad()
    def apply(self, network: nn.Module) -> None:
        """See ``Constraint.apply``.

        Raises:
            TrainingError: a weight is not a number.
        """
        self.steps += 1
        for layer in self.layers:
            if not torch.isfinite(layer.weight).all():
                raise TrainingError(
                    f"{self.title}: weights of {layer.mapped.name} are not numbers after step {self.steps}; lower the "
                    "learning rate"
                )
            layer.write()
        if self.steps % self.surroundings.refresh_steps == 0:
            self.solve()

    @torch.no_grad()
    def solve(self) -> None:
        """Solve the circuits of the devices as they are, in the directions that are not ideal."""
        ohms, gain = self.surroundings.parasitics, self.surroundings.gain
        directions = [phase for phase in self.surroundings.phases if phase != "update"]
        if not directions:
            return
        tiles = torch.cat([layer.disturbed() for layer in self.layers], dim=1)
        counts = [layer.mapped.tiles.tiles for layer in self.layers]
        found: dict[tuple[Parasitics | None, str], list[Tensor]] = {}
        for phase in directions:
            own = ohms if ohms is None or phase == "forward" else seen_from_columns(ohms)
            # Where both ends are alike, one solution serves both directions, unless outputs have gains of their own.
            key = own, phase if gain == "column" else ""
            if key not in found:
                effective = tiles if own is None else effective_conductance(tiles, own)
                parts = zip(self.layers, effective.split(counts, dim=1), strict=True)
                found[key] = [layer.solved(phase, part) for layer, part in parts]
            for layer, distortion in zip(self.layers, found[key], strict=True):
                layer.distortion[phase] = distortion

    def digest(self) -> str:
        """See ``Constraint.digest``."""
        return repr((self.surroundings, [(layer.mapped.name, layer.mapped.w_max) for layer in self.layers]))


@contextmanager
def on_crossbars(mapped: MappedNetwork, surroundings: Surroundings, title: str) -> Iterator[Crossbars]:
    """Let a network compute by its crossbars in the block; its weights begin as they are, and end as the devices are.

    Args:
        mapped: the network on crossbars, both signs alike, on the device where it trains.

    Yields:
        What a training in the block has among its constraints.
    """
    crossbars = Crossbars(mapped, surroundings, title)
    try:
        with torch.no_grad():
            for layer in crossbars.layers:
                layer.read()
        crossbars.solve()
        for layer in crossbars.layers:
            layer.module.forward = layer.forward
        yield crossbars
    finally:
        for layer in crossbars.layers:
            vars(layer.module).pop("forward", None)
