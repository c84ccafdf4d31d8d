"""What the rest of the artifact asks of the circuit: ``effective_conductance``, and ``node_voltages`` inside a tile.

Tiles on the processor go to the fast solver (`dissection`); those that it does not bring within the asked bound, and all
tiles on a GPU, to the direct one (`elimination`). Gradients are those of the circuit, not of the method:

    d G_eff[i, j] / d G[k, l] = u_i[k, l] u'_j[k, l],

where u_i is the voltage over the device with 1 V on input i, and u'_j that with 1 V on output j instead (the adjoint
circuit, which by reciprocity is the same circuit driven from its other side).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from xbarpaper.hardware.circuit import dissection, elimination
from xbarpaper.hardware.circuit.elimination import Potentials
from xbarpaper.hardware.circuit.wires import exchanged, turned
from xbarpaper.params import Parasitics
from xbarpaper.support.errors import CircuitError

_DEFAULT_RTOL = {torch.float32: 2e-5, torch.float64: 1e-9}
_LONG = 128  # wires beyond which roundings count: what is proven of them grows with the square
_BACKWARD_BYTES = 256 * 2**20


def effective_conductance(
    conductance: Tensor,
    parasitics: Parasitics,
    *,
    rtol: float | None = None,
    tiles_per_chunk: int | None = None,
) -> Tensor:
    """The matrix ``G_eff`` of ``currents = voltages @ G_eff`` for each tile.

    Differentiable with respect to ``conductance``, once.

    Args:
        conductance: device conductances, siemens, shape (..., M, N), float32 or float64; 0 means no device. The
            arithmetic is float64 either way.
        parasitics: resistances of drivers, wires and sense circuits; any may be zero.
        rtol: bound on the error of each tile, relative to its largest ``G_eff``, that the fast method must prove, or else
            how well the direct method's currents must obey the circuit. By default 2e-5 in float32 and 1e-9 in
            float64, or 1e-9 (n / 128)^2 where the longer side n has more than 128 devices. Errors found are about
            6e-8 in float32, the rounding of the result, and 1e-14 in float64.
        tiles_per_chunk: tiles that one thread solves at a time, which bounds the working memory; by default as many as
            have some 30,000 devices, 64 at most.

    Returns:
        Siemens; shape, type and device of ``conductance``. A plain copy of it where all resistances are zero.

    Raises:
        ValueError: ``conductance`` has fewer than two dimensions, no rows or no columns, another type, or a value that
            is negative, infinite or NaN; ``rtol`` is not between the type's rounding and 1; or ``tiles_per_chunk`` is
            not positive.
        CircuitError: not even the direct method reaches ``rtol``, or the memory does not suffice.
    """
    _refuse_unusable(conductance)
    usual = _DEFAULT_RTOL[conductance.dtype] * max(1.0, (max(conductance.shape[-2:]) / _LONG) ** 2)
    asked = usual if rtol is None else rtol
    least = torch.finfo(conductance.dtype).eps
    if not least <= asked < 1:
        raise ValueError(
            f"rtol = {asked:g} must be at least {least:.1e}, the rounding of {conductance.dtype}, and below 1"
        )
    if tiles_per_chunk is not None and tiles_per_chunk < 1:
        raise ValueError(f"tiles_per_chunk = {tiles_per_chunk} must be at least 1")
    apply: Callable[..., Tensor] = _EffectiveConductance.apply
    return apply(conductance, parasitics, asked, tiles_per_chunk)


class _EffectiveConductance(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        conductance: Tensor,
        parasitics: Parasitics,
        rtol: float,
        tiles_per_chunk: int | None,
    ) -> Tensor:
        ctx.save_for_backward(conductance)
        ctx.parasitics = parasitics  # type: ignore[attr-defined]
        tiles = conductance.detach().reshape(-1, *conductance.shape[-2:])
        G_eff = tiles.clone() if parasitics.ideal else _solve(tiles, parasitics, rtol, tiles_per_chunk)
        return G_eff.reshape(conductance.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (conductance,) = ctx.saved_tensors  # type: ignore[attr-defined]
        parasitics: Parasitics = ctx.parasitics  # type: ignore[attr-defined]
        shape = conductance.shape
        tiles = conductance.reshape(-1, *shape[-2:]).double()
        given = gradients[0].reshape(tiles.shape).double()
        rows, columns = shape[-2:]
        chunk = max(1, _BACKWARD_BYTES // (8 * rows * columns * 4 * (rows + columns)))
        parts = zip(tiles.split(chunk), given.split(chunk), strict=True)
        result = [_adjoint(tile, gradient, parasitics) for tile, gradient in parts]
        together = torch.cat(result) if result else tiles
        return together.reshape(shape).to(conductance.dtype), None, None, None


def _solve(tiles: Tensor, parasitics: Parasitics, rtol: float, tiles_per_chunk: int | None) -> Tensor:
    """``G_eff`` of tiles (B, M, N): the fast method first, then the direct one where it did not get there."""
    if tiles.is_cuda or len(tiles) == 0:
        G_eff, left = torch.empty_like(tiles), torch.arange(len(tiles))
    else:
        G_eff, bounds = dissection.solve(tiles, parasitics, tiles_per_chunk)
        left = (~(bounds <= rtol)).nonzero()[:, 0]
    for part in left.split(tiles_per_chunk or elimination.tiles_per_chunk(*tiles.shape[-2:])):
        found, check = elimination.solve(tiles[part].double(), parasitics)
        if not (check <= rtol).all():
            worst = int(part[check.nan_to_num(torch.inf).argmax().cpu()])
            raise CircuitError(
                f"rtol = {rtol:g}: the circuit of tile {worst} is only solved to {float(check.max()):.1e}"
            )
        G_eff[part] = found.to(G_eff.dtype)
    return G_eff


def _adjoint(tiles: Tensor, gradient: Tensor, parasitics: Parasitics) -> Tensor:
    """Gradient with respect to the devices, from that with respect to ``G_eff``; all (B, M, N)."""
    from_inputs = _device_voltages(tiles, parasitics)
    from_outputs = turned(_device_voltages(turned(tiles), exchanged(parasitics))).flip(1)
    weighted = torch.einsum("bij,bikl->bjkl", gradient, from_inputs)
    return torch.einsum("bjkl,bjkl->bkl", weighted, from_outputs)


def _device_voltages(tiles: Tensor, parasitics: Parasitics) -> Tensor:
    """Voltage over each device with 1 V on one row at a time, shape (B, M, M, N)."""
    rows = tiles.shape[-2]
    one_at_a_time = torch.eye(rows, dtype=tiles.dtype, device=tiles.device).expand(len(tiles), rows, rows)
    found = elimination.potentials(tiles, parasitics, one_at_a_time)
    return found.row - found.column


def node_voltages(conductance: Tensor, parasitics: Parasitics, voltages: Tensor) -> Potentials:
    """Voltages of all wires and currents of all devices, for given inputs, by the direct solver.

    Args:
        conductance: device conductances of one tile, siemens, shape (M, N); 0 means no device.
        voltages: inputs, volts, shape (M,) or (S, M).

    Returns:
        ``row`` and ``column`` in volts and ``current`` in amperes, float64, shape (M, N) or (S, M, N).

    Raises:
        ValueError: ``conductance`` is not one tile of usable values, or ``voltages`` are not finite or do not fit it.
    """
    _refuse_unusable(conductance)
    if conductance.ndim != 2:
        raise ValueError(f"conductance: shape {tuple(conductance.shape)} must be (rows, columns)")
    if voltages.ndim not in (1, 2) or voltages.shape[-1] != len(conductance):
        raise ValueError(
            f"voltages: shape {tuple(voltages.shape)} must be ({len(conductance)},) or (inputs, {len(conductance)})"
        )
    if not torch.isfinite(voltages).all():
        raise ValueError("voltages: every value must be finite")
    inputs = voltages.double().reshape(1, -1, len(conductance))
    found = elimination.potentials(conductance.double()[None], parasitics, inputs)
    shape = (*voltages.shape[:-1], *conductance.shape)
    return Potentials(*(one.reshape(shape) for one in (found.row, found.column, found.current)))


def _refuse_unusable(conductance: Tensor) -> None:
    shape = tuple(conductance.shape)
    if conductance.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"conductance: type {conductance.dtype} must be torch.float32 or torch.float64")
    if len(shape) < 2:
        raise ValueError(f"conductance: shape {shape} must be (..., rows, columns)")
    if 0 in shape[-2:]:
        raise ValueError(f"conductance: shape {shape} must have at least one row and one column")
    if conductance.numel() == 0:
        return
    # A NaN anywhere makes both NaN.
    lowest, highest = (float(bound) for bound in torch.aminmax(conductance.detach()))
    if not lowest >= 0 or not highest < float("inf"):
        found = lowest if not lowest >= 0 else highest
        raise ValueError(f"conductance: holds {found:g}; every value must be finite and at least 0 siemens")
