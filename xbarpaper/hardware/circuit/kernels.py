"""Compiled kernels of the modal solver; `modal` derives what they compute.

numba's vectoriser gives up on loops over several arrays that it cannot prove apart, so the loops over lanes are
written as operations on a vector type of their own, ``Lanes``: 16 numbers side by side, one per input row of the
tile. LLVM turns them into whatever vector registers the processor has.

All of it is one module because numba's cache on disk looks only at the file of the function that it holds.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.core.caching import FunctionCache
from numba.extending import intrinsic, models, overload, register_model

LANES = 16  # numbers in one vector: one AVX-512 register of float32, two of float64; N = 16 wastes none
MODES = 2  # modes of the column wires that are solved exactly
_LUMP = (
    0.3  # share of the first neglected mode's resistance that is put in series with every device; see `modal`
)


class _Cache(FunctionCache):
    """numba's cache on disk, where a damaged file is no error: the function is compiled anew."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # of pickle there are many
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(Exception):
            super().save_overload(sig, data)


def _compiled(function: Callable[..., Any]) -> Any:
    made = njit(nogil=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")(function)
    with suppress(RuntimeError):  # there may be no folder that a cache can be written to
        made._cache = _Cache(function)
    return made


class Lanes(types.Type):  # numba has no type hints
    """numba's type of 16 numbers side by side."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        element = ir.FloatType() if lanes.dtype == types.float32 else ir.DoubleType()
        super().__init__(manager, lanes, ir.VectorType(element, LANES))


def _as_vector(context: Any, builder: Any, kind: Any, value: Any, lanes: Lanes) -> Any:
    """A scalar in every lane; lanes as they are."""
    if isinstance(kind, Lanes):
        return value
    scalar = context.cast(builder, value, kind, lanes.dtype)
    empty = ir.Constant(ir.VectorType(scalar.type, LANES), ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.IntType(32)(0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, empty, everywhere)


def _install(python_operator: Callable[..., Any], instruction: str) -> None:
    """Let the kernels write ``a + b`` where one of the two is lanes."""

    @intrinsic
    def elementwise(_: Any, a: Any, b: Any) -> Any:
        lanes = a if isinstance(a, Lanes) else b

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, y = (
                _as_vector(context, builder, *pair, lanes)
                for pair in zip(signature.args, arguments, strict=True)
            )
            return getattr(builder, instruction)(x, y, flags=("contract",))

        return lanes(a, b), generate

    @overload(python_operator)
    def _(a, b):  # numba compares the two signatures, annotations included
        if isinstance(a, Lanes) or isinstance(b, Lanes):
            return lambda a, b: elementwise(a, b)
        return None


_install(operator.add, "fadd")
_install(operator.sub, "fsub")
_install(operator.mul, "fmul")
_install(operator.truediv, "fdiv")


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any, lanes: Lanes) -> Any:
    array = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
    index = context.cast(builder, arguments[1], signature.args[1], types.intp)
    return builder.bitcast(builder.gep(array.data, [index]), context.get_value_type(lanes).as_pointer())


@intrinsic
def _load(_: Any, array: Any, index: Any) -> Any:
    """The 16 elements of a contiguous array from ``index``, counted flat."""
    lanes = Lanes(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature, arguments, lanes)
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return lanes(array, index), generate


@intrinsic
def _store(_: Any, array: Any, index: Any, value: Any) -> Any:
    """Write 16 elements of a contiguous array from ``index``, counted flat."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature, arguments, value)
        builder.store(arguments[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, index, value), generate


@intrinsic
def _zeros(_: Any, like: Any) -> Any:
    """Lanes of zeros, of an array's type."""
    lanes = Lanes(like.dtype)

    def generate(context: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(lanes), None)

    return lanes(like), generate


@_compiled
def _row_ladders(G, highest, lump, driver, wire, g, t, p, U, V, D, work):
    """What the row wires of a tile do, from its conductances; all in units of the tile's highest conductance.

    Fills, each (M, N) and padded with absent devices: ``g`` the devices in series with the lump; ``t`` and ``p``,
    with which ``r = t r + p b`` steps along a row wire; ``U``, ``V`` and ``D``, with which the admittance of a row
    wire between its devices is D on the diagonal and ``-U[j] V[k]`` for j < k; V is also what a unit source drives.

    Returns the smallest voltage that a unit source gives any node: U is inverse to it.
    """
    M, N = G.shape
    wide, tall = work.shape[1:]
    gT, beyond, tT, before, r = work[0], work[1], work[2], work[3], work[4]
    gT[:] = 0
    for i in range(M):
        for j in range(N):
            x = G[i, j] / highest
            gT[j, i] = x / (1.0 + lump * x)
    one = _zeros(g) + 1.0
    lowest = 1.0
    for i in range(0, tall, LANES):
        # From the far end: the admittance beyond node j, and the share of a voltage that reaches the next node.
        y = _zeros(g)
        for j in range(wide - 1, -1, -1):
            o = j * tall + i
            _store(beyond, o, y)
            y = y + _load(gT, o)
            share = one / (one + (wire if j > 0 else driver) * y)
            _store(tT, o, share)
            y = y * share
        # From the driver: the resistance before node j, and the voltage there of a unit source.
        ohm = _zeros(g) + driver
        voltage = one
        for j in range(wide):
            o = j * tall + i
            device = _load(gT, o)
            rest = _load(beyond, o)
            voltage = voltage * _load(tT, o)
            share = device / (one + ohm * (device + rest))
            _store(beyond, o, share * (one + ohm * rest))
            _store(before, o, share * ohm / voltage)
            _store(r, o, device * voltage)
            ohm = wire + ohm / (one + ohm * device)
        _store(work[5], 0, voltage)
        for lane in range(LANES):
            lowest = min(lowest, work[5, 0, lane])
    for i in range(M):
        for j in range(wide):
            g[i, j], t[i, j], U[i, j], V[i, j], D[i, j] = (
                gT[j, i],
                tT[j, i],
                before[j, i],
                r[j, i],
                beyond[j, i],
            )
            p[i, j] = tT[j, i] * (wire if j > 0 else driver)
        t[i, wide] = 0
    return lowest


@_compiled
def _coarse_system(U, V, D, w, H, F, weighted):
    """The modes' own equations ``H = I + w^T Z w`` (upper triangle), and ``F = 1^T Z w``, from all rows' admittances Z.

    w is (M, 2), the modes scaled by the roots of their resistances; H is (2 N, 2 N), F is (N, 2 N).
    """
    M, N = U.shape
    n = MODES * N
    for k in range(0, N, LANES):
        for i in range(M):
            v = _load(V, i * N + k)
            a, b, o = w[i, 0], w[i, 1], 5 * LANES * i
            _store(weighted, o, (a * a) * v)
            _store(weighted, o + LANES, (a * b) * v)
            _store(weighted, o + 2 * LANES, (b * b) * v)
            _store(weighted, o + 3 * LANES, a * v)
            _store(weighted, o + 4 * LANES, b * v)
        for j in range(k + LANES):
            aa, ab, bb, a, b = _zeros(U), _zeros(U), _zeros(U), _zeros(U), _zeros(U)
            for i in range(M):
                u, o = U[i, j], 5 * LANES * i
                aa = aa - u * _load(weighted, o)
                ab = ab - u * _load(weighted, o + LANES)
                bb = bb - u * _load(weighted, o + 2 * LANES)
                a = a - u * _load(weighted, o + 3 * LANES)
                b = b - u * _load(weighted, o + 4 * LANES)
            _store(H, j * n + k, aa)
            _store(H, j * n + N + k, ab)
            _store(H, (N + j) * n + N + k, bb)
            _store(F, j * n + k, a)
            _store(F, j * n + N + k, b)
    for j in range(N):
        aa, ab, bb, a, b = D[0, 0] * 0, D[0, 0] * 0, D[0, 0] * 0, D[0, 0] * 0, D[0, 0] * 0
        for i in range(M):
            d, x, y = D[i, j], w[i, 0], w[i, 1]
            aa += d * x * x
            ab += d * x * y
            bb += d * y * y
            a += d * x
            b += d * y
        H[j, j], H[j, N + j], H[N + j, N + j], F[j, j], F[j, N + j] = aa + 1, ab, bb + 1, a, b
        for k in range(j):
            H[j, N + k] = H[k, N + j]
            F[j, k] = F[k, j]
            F[j, N + k] = F[k, N + j]


@_compiled
def _factorise(H):
    """Cholesky's R of ``H = R^T R`` in the upper triangle, the pivots inverted; the size is a multiple of the lanes.

    Returns the spread of the squared pivots, which tells H's condition; infinity where H is not positive.
    """
    n = len(H)
    least, most = np.inf, 0.0
    for k in range(0, n, 4):
        for row in range(k, k + 4):
            for above in range(k, row):
                a = H[above, row]
                for j in range(row // LANES * LANES, n, LANES):
                    _store(H, row * n + j, _load(H, row * n + j) - a * _load(H, above * n + j))
            if not H[row, row] > 0:
                return np.inf
            least, most = min(least, H[row, row]), max(most, H[row, row])
            inverse = (H[row, row] * 0 + 1) / np.sqrt(H[row, row])
            for j in range(row // LANES * LANES, n, LANES):
                _store(H, row * n + j, inverse * _load(H, row * n + j))
            H[row, row] = inverse
        for i in range(k + 4, n):
            a, b, c, d = H[k, i], H[k + 1, i], H[k + 2, i], H[k + 3, i]
            for j in range(i // LANES * LANES, n, LANES):
                o = k * n + j
                x = _load(H, i * n + j) - a * _load(H, o) - b * _load(H, o + n)
                _store(H, i * n + j, x - c * _load(H, o + 2 * n) - d * _load(H, o + 3 * n))
    return most / least


@_compiled
def _solve(R, x):
    """x (n, lanes) becomes ``(R^T R)^-1 x``, four rows at a time so that they stay in registers."""
    n = len(R)
    L = LANES
    for k in range(0, n, 4):
        o = k * L
        a = _load(x, o) * R[k, k]
        b = (_load(x, o + L) - R[k, k + 1] * a) * R[k + 1, k + 1]
        c = (_load(x, o + 2 * L) - R[k, k + 2] * a - R[k + 1, k + 2] * b) * R[k + 2, k + 2]
        d = _load(x, o + 3 * L) - R[k, k + 3] * a - R[k + 1, k + 3] * b - R[k + 2, k + 3] * c
        d = d * R[k + 3, k + 3]
        _store(x, o, a)
        _store(x, o + L, b)
        _store(x, o + 2 * L, c)
        _store(x, o + 3 * L, d)
        for i in range(k + 4, n):
            y = _load(x, i * L) - R[k, i] * a - R[k + 1, i] * b
            _store(x, i * L, y - R[k + 2, i] * c - R[k + 3, i] * d)
    for k in range(n - 4, -1, -4):
        o = k * L
        a, b, c, d = _load(x, o), _load(x, o + L), _load(x, o + 2 * L), _load(x, o + 3 * L)
        for i in range(k + 4, n):
            y = _load(x, i * L)
            a = a - R[k, i] * y
            b = b - R[k + 1, i] * y
            c = c - R[k + 2, i] * y
            d = d - R[k + 3, i] * y
        d = d * R[k + 3, k + 3]
        c = (c - R[k + 2, k + 3] * d) * R[k + 2, k + 2]
        b = (b - R[k + 1, k + 2] * c - R[k + 1, k + 3] * d) * R[k + 1, k + 1]
        a = (a - R[k, k + 1] * b - R[k, k + 2] * c - R[k, k + 3] * d) * R[k, k]
        _store(x, o, a)
        _store(x, o + L, b)
        _store(x, o + 2 * L, c)
        _store(x, o + 3 * L, d)


@_compiled
def _downward(i, g, t, p, w, modes, c, below, norton, source, source_after):
    """Rows i and i + 1 of the downward pass: their column voltages c gain ``w modes``; row wires and devices are exact.

    ``below[i + 1]`` becomes the current in the column wires below row i; the sources drive the rows, in volts. Two rows
    at a time halve the traffic of what they share, and their recurrences do not wait for one another.
    """
    N, L = g.shape[1], LANES
    row = (N + 1) * L
    o, m = i * row + N * L, N * L
    x = y = _zeros(c)
    for j in range(N - 1, -1, -1):
        o -= L
        m -= L
        first, second = _load(modes, m), _load(modes, N * L + m)
        voltage = _load(c, o) + w[i, 0] * first + w[i, 1] * second
        x = g[i, j] * voltage + t[i, j + 1] * x
        _store(c, o, voltage)
        _store(norton, m, x)
        voltage = _load(c, row + o) + w[i + 1, 0] * first + w[i + 1, 1] * second
        y = g[i + 1, j] * voltage + t[i + 1, j + 1] * y
        _store(c, row + o, voltage)
        _store(norton, row + m, y)
    x, y = source, source_after
    for j in range(N):
        x = t[i, j] * x + p[i, j] * _load(norton, m)
        y = t[i + 1, j] * y + p[i + 1, j] * _load(norton, row + m)
        current = _load(below, o) + g[i, j] * (x - _load(c, o))
        _store(below, row + o, current)
        _store(below, 2 * row + o, current + g[i + 1, j] * (y - _load(c, row + o)))
        o += L
        m += L


@_compiled
def _upward(i, g, t, p, w, wire, lump, c, below, norton, v, sums, modes, norm):
    """Rows i and i - 1 of the upward pass: what the column wires do to the currents, against the voltages c assumed.

    Takes c to the new voltages, adds up the squared residual, and what the residual's currents are in sum over the
    rows and in the modes. ``below`` holds the residuals where the currents were.
    """
    N, L = g.shape[1], LANES
    row = (N + 1) * L
    o, m = i * row + N * L, N * L
    x = y = _zeros(c)
    squared = _load(norm, 0)
    for j in range(N - 1, -1, -1):
        o -= L
        m -= L
        current, above = _load(below, row + o), _load(below, o)
        wires = _load(v, m) + wire * current
        voltage = wires - lump * (current - above)
        residual = voltage - _load(c, o)
        _store(c, o, voltage)
        _store(below, row + o, residual)
        driven = g[i, j] * residual
        squared = squared + driven * residual
        x = driven + t[i, j + 1] * x
        _store(norton, m, x)

        wires = wires + wire * above
        _store(v, m, wires)
        voltage = wires - lump * (above - _load(below, o - row))
        residual = voltage - _load(c, o - row)
        _store(c, o - row, voltage)
        _store(below, o, residual)
        driven = g[i - 1, j] * residual
        squared = squared + driven * residual
        y = driven + t[i - 1, j + 1] * y
        _store(norton, row + m, y)
    _store(norm, 0, squared)
    x = y = _zeros(c)
    for j in range(N):
        x = t[i, j] * x + p[i, j] * _load(norton, m)
        y = t[i - 1, j] * y + p[i - 1, j] * _load(norton, row + m)
        current = g[i, j] * (_load(below, row + o) - x)
        above = g[i - 1, j] * (_load(below, o) - y)
        _store(sums, m, _load(sums, m) + current + above)
        _store(modes, m, _load(modes, m) + w[i, 0] * current + w[i - 1, 0] * above)
        _store(modes, N * L + m, _load(modes, N * L + m) + w[i, 1] * current + w[i - 1, 1] * above)
        o += L
        m += L


@_compiled
def _largest(array):
    found = 0.0
    for k in range(array.size):
        found = max(found, abs(array[k]))
    return found


@_compiled
def _most_drawn(G, highest, sense):
    """At most the current into any column that is driven with 1 V while all else is grounded."""
    found = 0.0
    for j in range(G.shape[1]):
        total = 0.0
        for i in range(G.shape[0]):
            total += G[i, j] / highest
        found = max(found, total / (1.0 + sense * total))
    return found


def scratch(rows: int, columns: int) -> int:
    """How many numbers of scratch ``solve_tiles`` needs for tiles of a shape."""
    wide = -(-columns // LANES) * LANES
    row, n = (wide + 1) * LANES, MODES * wide
    return (2 * rows + 6) * row + (n + 3) * LANES + n * (n + wide) + 5 * rows * LANES


@_compiled
def solve_tiles(
    G, G_eff, bounds, space, shapes, ohms, driver, row_wire, column_wire, sense, epsilon, rtol, sweeps
):
    """``G_eff`` of tiles, and a bound on the error of each, relative to its largest element.

    Args:
        G: siemens, shape (tiles, M, N), M even.
        G_eff: output, shape of G.
        bounds: output, shape (tiles,); infinite where the method does not apply.
        space: scratch, as many numbers as ``scratch`` says, at a multiple of 64 bytes.
        shapes: the two leading modes of the column wires, shape (M, 2).
        ohms: resistances of the three leading modes, ohm, shape (3,).
        driver, row_wire, column_wire, sense: resistances, ohm.
        epsilon: relative rounding of the arithmetic, which is that of ``shapes``.
        rtol: bound at which a tile is done.
        sweeps: most sweeps for 16 inputs of a tile.
    """
    tiles, M, N = G.shape
    L, dtype = LANES, shapes.dtype
    wide, tall = (N + L - 1) // L * L, (M + L - 1) // L * L
    n = MODES * wide
    real = dtype.type

    g, p = np.empty((M, wide), dtype), np.empty((M, wide), dtype)
    t = np.empty((M, wide + 1), dtype)
    U, V, D = np.empty((M, wide), dtype), np.empty((M, wide), dtype), np.empty((M, wide), dtype)
    ladder_work, w = np.empty((6, wide, tall), dtype), np.empty((M, MODES), dtype)
    row = (wide + 1) * L
    sizes = (M * row, (M + 1) * row, 2 * row, row, row, wide * L, n * L, L, 2 * L, n * n, wide * n, M * 5 * L)
    ends = np.cumsum(np.array(sizes))
    c, below = space[: ends[0]], space[ends[0] : ends[1]]
    norton, v, sums = space[ends[1] : ends[2]], space[ends[2] : ends[3]], space[ends[3] : ends[4]]
    out, modes, norm, source = (
        space[ends[4] : ends[5]],
        space[ends[5] : ends[6]],
        space[ends[6] : ends[7]],
        space[ends[7] : ends[8]],
    )
    H, F = space[ends[8] : ends[9]].reshape(n, n), space[ends[9] : ends[10]].reshape(wide, n)
    weighted = space[ends[10] : ends[11]]
    below[:row] = 0
    source[:] = 0
    nothing = _zeros(c)

    for tile in range(tiles):
        highest = 0.0
        for i in range(M):
            for j in range(N):
                highest = max(highest, G[tile, i, j])
        if highest == 0.0:
            G_eff[tile] = 0
            bounds[tile] = 0
            continue
        # In units of the highest conductance, so that nothing over- or underflows.
        lump = _LUMP * ohms[2] * highest
        neglected = max(lump, ohms[2] * highest - lump)
        bounds[tile] = np.inf
        reached = _row_ladders(
            G[tile], highest, real(lump), real(driver * highest), real(row_wire * highest),
            g, t, p, U, V, D, ladder_work,
        )  # fmt: skip
        if reached < 1e-20:
            continue
        for mode in range(MODES):
            root = np.sqrt(max(0.0, ohms[mode] * highest - lump))
            for i in range(M):
                w[i, mode] = shapes[i, mode] * root
        _coarse_system(U, V, D, w, H, F, weighted)
        condition = _factorise(H)
        if condition == np.inf:
            continue
        drawn = _most_drawn(G[tile], highest, sense * highest)
        rounding = epsilon * (condition + np.sqrt(drawn))
        sensitivity = neglected * np.sqrt(drawn * (1.0 + lump))
        wire, lumped = real(column_wire * highest), real(lump)
        largest = worst = 0.0
        for base in range(0, M, L):
            used = min(L, M - base)
            for j in range(wide):
                for lane in range(L):
                    for mode in range(MODES):
                        at = (mode * wide + j) * L + lane
                        modes[at] = w[base + lane, mode] * V[base + lane, j] if lane < used else 0
            _solve(H, modes)
            c[:] = 0
            found, bound, before = largest, np.inf, np.inf
            for _sweep in range(sweeps):
                for i in range(0, M, 2):
                    if base <= i < base + L:
                        source[i - base] = source[L + i + 1 - base] = 1
                        _downward(i, g, t, p, w, modes, c, below, norton, _load(source, 0), _load(source, L))
                        source[i - base] = source[L + i + 1 - base] = 0
                    else:
                        _downward(i, g, t, p, w, modes, c, below, norton, nothing, nothing)
                for k in range(0, wide * L, L):
                    total = _load(below, M * row + k)
                    _store(out, k, total)
                    _store(v, k, real((sense - column_wire) * highest) * total)
                    _store(sums, k, nothing)
                modes[:] = 0
                norm[:] = 0
                for i in range(M - 1, 0, -2):
                    _upward(i, g, t, p, w, wire, lumped, c, below, norton, v, sums, modes, norm)
                _solve(H, modes)
                for j in range(wide):
                    x, y = _load(out, j * L) - _load(sums, j * L), nothing
                    for k in range(wide):
                        x = x + F[j, k] * _load(modes, k * L)
                        y = y + F[j, wide + k] * _load(modes, (wide + k) * L)
                    _store(out, j * L, x + y)
                for k in range(n * L):
                    modes[k] = -modes[k]
                found = max(largest, _largest(out))
                bound = sensitivity * np.sqrt(_largest(norm)) + rounding
                if bound <= rtol * found or bound > 0.5 * before:
                    break
                before = bound
            largest, worst = found, max(worst, bound)
            for lane in range(used):
                for j in range(N):
                    G_eff[tile, base + lane, j] = out[j * L + lane] * highest
        bounds[tile] = worst / largest if largest > 0 else np.inf
