"""A reader's own ``torch.nn.Module`` on crossbars.

Every ``nn.Conv2d`` (of any groups, stride, padding and dilation) and ``nn.Linear`` goes onto crossbars. Norms,
activations, PReLU, pooling and dropout stay digital. Anything else that holds parameters is refused by name, because a
twin that silently leaves weights out would look better than the hardware; the caller may list it as digital.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from typing import Final

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy

from xbarpaper.hardware.mapped import MappedLayer, MappedNetwork, strips_of
from xbarpaper.hardware.tiles import tile_map
from xbarpaper.networks.matrix import matrix_of, placed
from xbarpaper.networks.network import Weighted, groups_of
from xbarpaper.pruning.compaction import whole_rows_and_columns
from xbarpaper.support.errors import ArtifactError

_DIGITAL: Final = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.PReLU)
_ALLOWED: Final = "on crossbars go Conv2d and Linear; name it in digital=(...) to leave it digital"


def map_module(module: nn.Module, crossbar_size: int, digital: Collection[str] = ()) -> MappedNetwork:
    """Put a module onto crossbars of one size; ``read_out`` then says what they compute.

    The largest |w| of a layer programs its highest conductance. A grouped convolution takes crossbars of its own for each
    group. The module is copied and left alone; it may have any floating-point type and sit on any device.

    Args:
        module: the module, trained or not.
        digital: dotted names, as ``named_modules`` gives them, of modules that stay digital, with all that is in them.

    Returns:
        The module on crossbars; layers have the dotted names of their modules.

    Raises:
        ArtifactError: something holds parameters and can neither be mapped nor stays digital, weights are shared or not
            finite or all zero, nothing is left to map, or ``digital`` names no module.
    """
    if unknown := sorted(set(digital) - {name for name, _ in module.named_modules()}):
        raise ArtifactError(f"digital: {type(module).__name__} has no module {unknown[0]!r}")
    weighted = dict(_weighted(module, frozenset(digital)))
    if not weighted:
        raise ArtifactError(
            f"{type(module).__name__} has no layer for crossbars: none is a Conv2d or a Linear"
        )
    for name, one in weighted.items():
        _check_weight(module, name, one)
    layers = tuple(_mapped(name, one, crossbar_size) for name, one in weighted.items())
    return MappedNetwork(copy.deepcopy(module), layers, crossbar_size)


def _weighted(network: nn.Module, digital: frozenset[str]) -> Iterator[tuple[str, Weighted]]:
    """The layers for crossbars, by dotted name; refuses what is neither those nor digital."""
    for name, module in network.named_modules():
        parts = name.split(".")
        if any(".".join(parts[:n]) in digital for n in range(1, len(parts) + 1)):
            continue
        own = dict(module.named_parameters(recurse=False))
        if any(is_lazy(parameter) for parameter in own.values()):
            raise _refused(name, module, "has not been initialised: run it once on an input")
        if isinstance(module, Weighted) and type(module).forward in (nn.Conv2d.forward, nn.Linear.forward):
            if not own.keys() <= {"weight", "bias"} or "weight" not in own:
                raise _refused(name, module, "is parametrised: remove its parametrisation first")
            yield name, module
        elif own and not isinstance(module, _DIGITAL):
            raise _refused(name, module, f"cannot be mapped (parameter {next(iter(own))}); {_ALLOWED}")


def _check_weight(network: nn.Module, name: str, module: Weighted) -> None:
    weight = module.weight
    for other, holder in network.named_modules():
        shared = any(parameter is weight for parameter in holder.parameters(recurse=False))
        if shared and holder is not module:
            raise _refused(name, module, f"shares its weight with {other or type(holder).__name__}")
    if not weight.is_floating_point() or weight.is_meta:
        told = f"has weights of {weight.dtype} on {weight.device}, not floating-point values"
        raise _refused(name, module, told)
    if not torch.isfinite(weight).all():
        raise _refused(name, module, "has weights that are not finite")
    if not weight.any():
        raise _refused(name, module, "has no weight but zero, so no range of conductances; leave it digital")


def _mapped(name: str, module: Weighted, crossbar_size: int) -> MappedLayer:
    weight = module.weight.detach().cpu()
    weight = weight if weight.dtype is torch.float64 else weight.float()
    placement = placed(weight, groups_of(module))
    mask = placement.whole()
    strips = strips_of(mask, placement, whole_rows_and_columns, crossbar_size)
    tiles = tile_map(strips, placement.full_shape, crossbar_size)
    matrix, w_max = placement.embed(matrix_of(weight)), float(weight.abs().max())
    return MappedLayer(name or type(module).__name__, name, matrix, mask, placement, tiles, w_max)


def _refused(name: str, module: nn.Module, reason: str) -> ArtifactError:
    kind = type(module).__name__
    return ArtifactError(f"{name} ({kind}) {reason}" if name else f"{kind} {reason}")
