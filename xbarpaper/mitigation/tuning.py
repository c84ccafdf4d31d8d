"""Fine-tuning through the circuit: the forward pass sees what the crossbars make of the weights.

Every few steps all circuits are solved anew, for the weights as they are and a fresh draw of device variation. From each
solution every device keeps its attenuation a = G_eff / G, and until the next one a layer computes with

    W' = gain (a+ G+(W) - a- G-(W)) w_max / (g_max - g_min),

so the weights learn to make up for wires, drivers and readout. Its derivative, a for each device, is the diagonal of
the circuit's Jacobian up to the device's own load on its wires; what a device does to its neighbours is left to the next
solution (``adjoint_cosine`` compares with the exact adjoint gradient). No evaluated chip is ever seen: the draws come
from seeds of their own, a new one for each solution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from xbarpaper.data import ImageSet
from xbarpaper.hardware.circuit import effective_conductance
from xbarpaper.hardware.conductances import DifferentialPair, conductances, weights_of
from xbarpaper.hardware.effects import DeviceEffect, chip
from xbarpaper.hardware.mapped import MappedLayer, MappedNetwork, map_network
from xbarpaper.hardware.readout import LayerReadOut, read_out
from xbarpaper.mitigation.parts import Costs, Mitigation, Start
from xbarpaper.networks.matrix import matrix_of, weight_of
from xbarpaper.networks.runs import Run, images_shown, steps_per_epoch
from xbarpaper.networks.training import train
from xbarpaper.params import Devices, Gain, Params, Parasitics
from xbarpaper.pruning import compaction_of
from xbarpaper.support.errors import TrainingError

_FIRST_DRAW = 1_000_000  # far from the seeds that evaluations draw chips from
_DRAWS_PER_SEED = 100_000


@dataclass(frozen=True)
class Surroundings:
    """What lies between a layer's weights and what its crossbars compute."""

    devices: Devices  # range and variation of the devices
    parasitics: Parasitics  # resistances of drivers, wires and sensing
    gain: Gain  # calibration of the readout
    refresh_steps: int  # training steps between two solutions of the circuits
    seed: int  # of the draws of device variation

    def draw(self, number: int) -> tuple[DeviceEffect, ...]:
        """What disturbs the devices of the n-th solution."""
        return chip(self.devices, _FIRST_DRAW + self.seed * _DRAWS_PER_SEED + number)


class ThroughCrossbars(nn.Module):
    """Parametrisation of a layer's weight: what its crossbars make of it."""

    plus: Tensor
    minus: Tensor
    kept: Tensor

    def __init__(self, layer: MappedLayer, devices: Devices) -> None:
        super().__init__()
        self.layer, self.devices = layer, devices
        ones = torch.ones(layer.tiles.shape)
        self.register_buffer("plus", layer.placement.extract(ones))
        self.register_buffer("minus", layer.placement.extract(ones))
        self.register_buffer("kept", layer.placement.extract(layer.mask))

    def forward(self, weight: Tensor) -> Tensor:
        """W' in the shape of the weight, at the attenuations of the last solution."""
        pair = conductances(matrix_of(weight), self.devices, self.layer.w_max)
        seen = DifferentialPair(pair.plus * self.plus, pair.minus * self.minus)
        return weight_of(weights_of(seen, self.devices, self.layer.w_max), weight.shape)

    def solved(self, read: LayerReadOut, gain: Gain) -> None:
        """Take the attenuations, gain included, from a solution of the layer's circuits."""
        tiles, placement = self.layer.tiles, self.layer.placement
        programmed = read.layer.programmed(self.devices)
        factors = read.gains(gain).expand_as(read.weights)
        for name in ("plus", "minus"):
            effective, ideal = getattr(read.effective, name), getattr(programmed, name)
            getattr(self, name).copy_(placement.extract(tiles.untile(effective * factors) / ideal))


class _Refresh:
    """A constraint of the training: holds the mask, and solves the circuits every few steps."""

    def __init__(self, mapped: MappedNetwork, surroundings: Surroundings, run: Run) -> None:
        self.mapped, self.surroundings = mapped, surroundings
        self.title, self.peak = run.title, run.learning_rate
        self.parametrised = [_parametrised(module) for module in _modules(mapped)]
        self.steps = 0

    def apply(self, network: nn.Module) -> None:
        for layer, (original, crossbars) in zip(self.mapped.layers, self.parametrised, strict=True):
            if not torch.isfinite(original).all():
                raise TrainingError(
                    f"{self.title}: weights of {layer.name} are not numbers after step {self.steps + 1}, at peak "
                    f"learning rate {self.peak:g}; lower it"
                )
            original.masked_fill_(~weight_of(crossbars.kept, original.shape), 0.0)
        self.steps += 1
        if self.steps % self.surroundings.refresh_steps == 0:
            self.solve()

    def solve(self) -> None:
        """Solve the circuits of the weights as they are."""
        surroundings = self.surroundings
        layers = tuple(
            replace(layer, matrix=layer.placement.embed(matrix_of(original.detach().cpu())))
            for layer, (original, _) in zip(self.mapped.layers, self.parametrised, strict=True)
        )
        effects = surroundings.draw(self.steps // surroundings.refresh_steps)
        now = replace(self.mapped, layers=layers)
        read = read_out(now, surroundings.devices, effects, surroundings.parasitics)
        for layer, (_, crossbars) in zip(read.layers, self.parametrised, strict=True):
            crossbars.solved(layer, surroundings.gain)

    def digest(self) -> str:
        return repr((self.surroundings, [(layer.name, layer.w_max) for layer in self.mapped.layers]))


def tune(mapped: MappedNetwork, images: ImageSet, run: Run, surroundings: Surroundings) -> pd.DataFrame:
    """Fine-tune a mapped network in place, through its crossbars, with its mask held.

    Args:
        mapped: the network on crossbars; its network ends with the tuned weights, in evaluation mode. Where they sit
            on the crossbars, and their range, stay as they are.
        run: the recipe, without ``resume`` and without ``constraints``.

    Returns:
        One row per epoch, as ``training.train`` gives; test accuracy is on the crossbars of the last solution.

    Raises:
        ValueError: the run would be resumed or has constraints, or the network does not describe its layers.
        TrainingError: the loss is not a number.
    """
    network = mapped.pruned.network
    if run.resume is not None or run.constraints:
        raise ValueError(f"{run.title}: a run through crossbars has no resume file and no constraints")
    for layer, module in zip(mapped.layers, _modules(mapped), strict=True):
        parametrize.register_parametrization(module, "weight", ThroughCrossbars(layer, surroundings.devices))
    try:
        refresh = _Refresh(mapped, surroundings, run)
        with torch.no_grad():
            refresh.solve()
        return train(network, images, replace(run, constraints=(refresh,)))
    finally:
        for module in _modules(mapped):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
        network.eval()


def solutions(steps: int, surroundings: Surroundings) -> int:
    """How often a run of so many steps solves the circuits of its network."""
    return 1 + steps // surroundings.refresh_steps


def adjoint_cosine(layer: MappedLayer, gradient: Tensor, surroundings: Surroundings) -> float:
    """Cosine between the gradient that tuning uses and the exact one, through the circuit's adjoint.

    Args:
        layer: a layer on crossbars; wires only, nominal devices.
        gradient: of some loss with respect to the layer's W' before the gain, shape of its matrix.
    """
    tiles, devices = layer.tiles, surroundings.devices
    found = []
    for exact in (True, False):
        matrix = layer.matrix.double().requires_grad_()
        pair = conductances(matrix, devices, layer.w_max)
        tiled = torch.stack([tiles.tile(pair.plus), tiles.tile(pair.minus)])
        source = tiled if exact else tiled.detach()
        effective = effective_conductance(source, surroundings.parasitics)
        if not exact:
            effective = tiled * (effective / tiled.detach().where(tiled > 0, torch.ones_like(tiled)))
        seen = tiles.untile(weights_of(DifferentialPair(effective[0], effective[1]), devices, layer.w_max))
        found.append(torch.autograd.grad(seen, matrix, gradient.double())[0].flatten())
    return float(torch.nn.functional.cosine_similarity(found[0], found[1], dim=0))


def _modules(mapped: MappedNetwork) -> list[nn.Module]:
    """The module of each layer on crossbars."""
    return [mapped.network.get_submodule(layer.module) for layer in mapped.layers]


def _parametrised(module: nn.Module) -> tuple[Tensor, ThroughCrossbars]:
    """The weight that is trained, and its parametrisation."""
    (parametrisation,) = (one for one in module.modules() if isinstance(one, ThroughCrossbars))
    return module.get_parameter("parametrizations.weight.original"), parametrisation


@dataclass(frozen=True)
class TrainingThroughCrossbars:
    """Trains on through the network's own crossbars, a network for each size."""

    name: str = "tuned"
    for_each_size: bool = True
    has_stage: bool = False

    def keeps_range(self, params: Params) -> bool:
        """See ``Trains.keeps_range``: it trains through circuits of that range."""
        return True

    def behind(self, params: Params) -> dict[str, Any]:
        """See ``Trains.behind``."""
        sections = {"devices": params.devices, "circuit": params.circuit}
        values = {
            f"{prefix}.{name}": value
            for prefix, section in sections.items()
            for name, value in section.model_dump(mode="json").items()
        }
        beyond = params.beyond
        return values | {
            "mapping.w_max_quantile": params.mapping.w_max_quantile,
            "readout.gain": params.readout.gain,
            "beyond.tuning_epochs": beyond.tuning_epochs,
            "beyond.tuning_learning_rate": beyond.tuning_learning_rate,
            "beyond.tuning_refresh_steps": beyond.tuning_refresh_steps,
        }

    def train(self, params: Params, start: Start) -> pd.DataFrame:
        """See ``Trains.train``; a killed run starts anew."""
        if start.crossbar_size is None:
            raise ValueError(f"{start.run.title}: tuning needs the size of the crossbars")
        mapped = map_network(start.pruned, compaction_of(start.scheme), start.crossbar_size, start.w_max)
        run = replace(
            start.run,
            resume=None,
            constraints=(),  # tuning holds the mask itself
            epochs=params.beyond.tuning_epochs,
            learning_rate=params.beyond.tuning_learning_rate,
        )
        return tune(mapped, start.images, run, surroundings(params, run.seed))

    def costs(self, params: Params, images: int) -> Costs:
        """See ``Part.costs``."""
        steps = params.beyond.tuning_epochs * steps_per_epoch(params.train, images)
        return Costs(
            training_images=params.beyond.tuning_epochs * images_shown(params.train, images),
            circuit_solutions=solutions(steps, surroundings(params, seed=0)),
        )


def surroundings(params: Params, seed: int) -> Surroundings:
    """What tuning puts between weights and results, as the parameters say."""
    return Surroundings(
        devices=params.devices,
        parasitics=params.circuit,
        gain=params.readout.gain,
        refresh_steps=params.beyond.tuning_refresh_steps,
        seed=seed,
    )


TUNED: Final = Mitigation("tuned", trains=TrainingThroughCrossbars())
