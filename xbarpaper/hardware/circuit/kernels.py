"""Compiled kernels of the solver; `dissection` derives what they compute, and `plans` says in which order.

Small blocks are joined eight at a time, one in each lane of a vector; large ones one by one, as matrices. numba's
vectoriser gives up on loops over several arrays that it cannot prove apart, so the loops are written as operations on a
vector type of their own, ``Lanes``: 8 numbers side by side. LLVM turns them into whatever vector registers the processor
has.

All of it is one module because numba's cache on disk looks only at the file of the function that it holds.
"""

from __future__ import annotations

import math
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

LANES = 8  # numbers in one vector: one AVX-512 register of float64
PANEL = 64  # rows that are eliminated before the rest hears of them


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
    """numba's type of eight float64 numbers side by side."""


_lanes = Lanes(name="Lanes")
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, _VECTOR)


def _as_vector(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """A scalar in every lane; lanes as they are."""
    if isinstance(kind, Lanes):
        return value
    scalar = context.cast(builder, value, kind, types.float64)
    empty = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.IntType(32)(0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, empty, everywhere)


def _install(python_operator: Callable[..., Any], instruction: str) -> None:
    """Let the kernels write ``a + b`` where one of the two is lanes."""

    @intrinsic
    def elementwise(_: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pairs = zip(signature.args, arguments, strict=True)
            x, y = (_as_vector(context, builder, *pair) for pair in pairs)
            return getattr(builder, instruction)(x, y, flags=("contract",))

        return _lanes(a, b), generate

    @overload(python_operator)
    def _(a, b):  # numba compares the two signatures, annotations included
        if isinstance(a, Lanes) or isinstance(b, Lanes):
            return lambda a, b: elementwise(a, b)
        return None


_install(operator.add, "fadd")
_install(operator.mul, "fmul")
_install(operator.truediv, "fdiv")


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
    index = context.cast(builder, arguments[1], signature.args[1], types.intp)
    return builder.bitcast(builder.gep(array.data, [index]), _VECTOR.as_pointer())


@intrinsic
def _load(_: Any, array: Any, index: Any) -> Any:
    """The eight elements of a contiguous array from ``index``, counted flat."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, arguments), align=8)

    return _lanes(array, index), generate


@intrinsic
def _store(_: Any, array: Any, index: Any, value: Any) -> Any:
    """Write eight elements of a contiguous array from ``index``, counted flat."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _pointer(context, builder, signature, arguments), align=8)
        return context.get_dummy_value()

    return types.void(array, index, value), generate


@intrinsic
def _zeros(_: Any) -> Any:
    """Lanes of zeros."""

    def generate(_context: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
        return ir.Constant(_VECTOR, None)

    return _lanes(), generate


@intrinsic
def _spread(_: Any, array: Any, index: Any) -> Any:
    """One element of a contiguous array, in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0]).data
        at = context.cast(builder, arguments[1], signature.args[1], types.intp)
        return _as_vector(context, builder, array.dtype, builder.load(builder.gep(data, [at])))

    return _lanes(array, index), generate


@intrinsic
def _transpose(_: Any, source: Any, index: Any, target: Any, places: Any, shift: Any) -> Any:
    """Eight vectors of ``source`` from ``index``: lane l of all goes, side by side, to ``target[places[l] + shift]``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        count = [ir.Constant(ir.IntType(64), lane) for lane in range(LANES)]
        start = _pointer(context, builder, types.void(kinds[0], kinds[1]), arguments[:2])
        rows = [builder.load(builder.gep(start, [lane]), align=8) for lane in count]
        width = 1
        while width < LANES:
            odd = [lane // width % 2 for lane in range(LANES)]
            low = [lane + odd[lane] * (LANES - width) for lane in range(LANES)]
            places_of = ir.VectorType(ir.IntType(32), LANES)
            masks = [ir.Constant(places_of, [at + more for at in low]) for more in (0, width)]
            for a in range(LANES):
                if not odd[a]:
                    pair = rows[a], rows[a + width]
                    rows[a], rows[a + width] = (builder.shuffle_vector(*pair, mask) for mask in masks)
            width *= 2
        arrays = (cgutils.create_struct_proxy(kinds[n])(context, builder, arguments[n]) for n in (2, 3))
        to, where = (array.data for array in arrays)
        offset = context.cast(builder, arguments[4], kinds[4], types.intp)
        for lane in range(LANES):
            place = builder.add(builder.load(builder.gep(where, [count[lane]])), offset)
            pointer = builder.bitcast(builder.gep(to, [place]), _VECTOR.as_pointer())
            builder.store(rows[lane], pointer, align=8)
        return context.get_dummy_value()

    return types.void(source, index, target, places, shift), generate


@_compiled
def _join_in_lanes(S, U, steps, zeros, copies, sums, tiles):
    """Run the program of a `plans.Block` on eight blocks at once; S holds their weights, U is scratch."""
    L = LANES
    nothing = _zeros()
    one = nothing + 1.0
    for n in range(len(steps)):
        k, size, first, stride = steps[n, 0], steps[n, 1], steps[n, 2], steps[n, 3]
        rows, columns, tile = steps[n, 4], steps[n, 5], steps[n, 6]
        for a in range(steps[n, 7], steps[n, 8]):
            _store(S, zeros[a] * L, nothing)
        for a in range(steps[n, 9], steps[n, 10]):
            _store(S, copies[a, 0] * L, _load(S, copies[a, 1] * L))
        for a in range(steps[n, 11], steps[n, 12]):
            _store(S, sums[a, 0] * L, _load(S, sums[a, 1] * L) + _load(S, sums[a, 2] * L))
        # The rows of the nodes that go, each with what the ones before it leave between it and the others.
        for r in range(k):
            total = nothing
            row = (first + r * stride) * L
            for j in range(r + 1, size):
                weight = _load(S, row + j * L)
                for q in range(r):
                    share = _load(U, (q * stride + r) * L)
                    weight = weight + share * _load(S, (first + q * stride + j) * L)
                _store(S, row + j * L, weight)
                total = total + weight
            total = one / total
            for j in range(r + 1, size):
                _store(U, (r * stride + j) * L, total * _load(S, row + j * L))
        # What they leave between the nodes that stay, in tiles of 2 x 4 that fit the registers.
        for i in range(k, rows, 2):
            for j in range(max(i, columns), size, 4):
                a0, a1 = _load(S, tiles[tile, 0] * L), _load(S, tiles[tile, 1] * L)
                a2, a3 = _load(S, tiles[tile, 2] * L), _load(S, tiles[tile, 3] * L)
                b0, b1 = _load(S, tiles[tile, 4] * L), _load(S, tiles[tile, 5] * L)
                b2, b3 = _load(S, tiles[tile, 6] * L), _load(S, tiles[tile, 7] * L)
                tile += 1
                for q in range(k):
                    o = (q * stride + i) * L
                    x, y = _load(U, o), _load(U, o + L)
                    o = (first + q * stride + j) * L
                    weight = _load(S, o)
                    a0, b0 = a0 + x * weight, b0 + y * weight
                    weight = _load(S, o + L)
                    a1, b1 = a1 + x * weight, b1 + y * weight
                    weight = _load(S, o + 2 * L)
                    a2, b2 = a2 + x * weight, b2 + y * weight
                    weight = _load(S, o + 3 * L)
                    a3, b3 = a3 + x * weight, b3 + y * weight
                o = (first + i * stride + j) * L
                _store(S, o, a0)
                _store(S, o + L, a1)
                _store(S, o + 2 * L, a2)
                _store(S, o + 3 * L, a3)
                o += stride * L
                _store(S, o, b0)
                _store(S, o + L, b1)
                _store(S, o + 2 * L, b2)
                _store(S, o + 3 * L, b3)


@_compiled
def join_blocks(
    G, wires, rows, columns, origins, steps, zeros, copies, sums, tiles, result, stride, ports, S, U, room, out, G_eff
):  # fmt: skip
    """Weights between the ports of all blocks of one kind, from their devices.

    Args:
        G: conductances of the tiles, in units of their own, shape (tiles, M, N).
        wires: weights of a segment of row and column wire, of a driver and a sense circuit, shape (tiles, 4).
        rows, columns: of a block.
        origins: first row and column of each block, which may lie beyond the tile's edge, and its place in ``out``.
        steps, zeros, copies, sums, tiles, result, stride, ports: the program, see `plans.Block`.
        S, U: scratch.
        room: numbers in ``out`` for one tile.
        out: output, the upper triangles of (8 ports, 8 ports); empty where a block is the whole tile.
        G_eff: output where a block is the whole tile, shape of G.
    """
    L = LANES
    M, N = G.shape[1:]
    devices, kinds = rows * columns, len(origins)
    total = kinds * len(G)
    places = np.empty(L, np.int64)
    for lane in range(L):
        S[(devices + 4) * L + lane] = 0
    for start in range(0, total, L):
        for lane in range(L):
            block = min(start + lane, total - 1)
            tile, kind = block // kinds, block % kinds
            top, left = origins[kind, 0], origins[kind, 1]
            places[lane] = tile * room + origins[kind, 2]
            for i in range(rows):
                for j in range(columns):
                    there = top + i >= 0 and left + j < N
                    S[(i * columns + j) * L + lane] = G[tile, top + i, left + j] if there else 0.0
            o = devices * L + lane
            S[o], S[o + L] = wires[tile, 0], wires[tile, 1]
            S[o + 2 * L] = wires[tile, 2 if left == 0 else 0]
            S[o + 3 * L] = wires[tile, 3 if top + rows == M else 1]
        _join_in_lanes(S, U, steps, zeros, copies, sums, tiles)
        if len(out) == 0:
            for lane in range(min(L, total - start)):
                for i in range(M):
                    for j in range(N):
                        G_eff[start + lane, i, j] = S[(result + i * stride + M + j) * L + lane]
            continue
        for i in range(ports):
            for j in range(i // L * L, ports, L):
                _transpose(S, (result + i * stride + j) * L, out, places, i * ports + j)


@_compiled
def _add_products(W, o, stride, a, b, count):
    """W from o, 4 x 16, += the products of ``count`` rows: four numbers each from a, sixteen each from b."""
    L = LANES
    p = q = r = s = pp = qq = rr = ss = _zeros()
    for _ in range(count):
        x, y = _load(W, b), _load(W, b + L)
        w = _spread(W, a)
        p, pp = p + w * x, pp + w * y
        w = _spread(W, a + 1)
        q, qq = q + w * x, qq + w * y
        w = _spread(W, a + 2)
        r, rr = r + w * x, rr + w * y
        w = _spread(W, a + 3)
        s, ss = s + w * x, ss + w * y
        a += stride
        b += stride
    _store(W, o, _load(W, o) + p)
    _store(W, o + L, _load(W, o + L) + pp)
    o += stride
    _store(W, o, _load(W, o) + q)
    _store(W, o + L, _load(W, o + L) + qq)
    o += stride
    _store(W, o, _load(W, o) + r)
    _store(W, o + L, _load(W, o + L) + rr)
    o += stride
    _store(W, o, _load(W, o) + s)
    _store(W, o + L, _load(W, o + L) + ss)


@_compiled
def _row_total(W, row, start, end):
    """Sum of a row's numbers from ``start`` to ``end``, both multiples of the lanes."""
    L = LANES
    a = b = c = d = _zeros()
    j = start
    while j + 4 * L <= end:
        a, b = a + _load(W, row + j), b + _load(W, row + j + L)
        c, d = c + _load(W, row + j + 2 * L), d + _load(W, row + j + 3 * L)
        j += 4 * L
    while j < end:
        a = a + _load(W, row + j)
        j += L
    sums = np.empty(L, W.dtype)
    _store(sums, 0, (a + b) + (c + d))
    total = 0.0
    for lane in range(L):
        total += sums[lane]
    return total


@_compiled
def _eliminate(W, first, stride, k, size, rows, columns):
    """Eliminate the first k of ``size`` nodes; of the others' weights only ``rows`` above and ``columns`` right matter.

    W holds the weights above the diagonal, and zeros or anything below it. The rows that go are scaled by the root of
    their sum, so that what they leave is the product of two of their numbers. All counts are multiples of eight.
    """
    L = LANES
    for panel in range(0, k, PANEL):
        end = min(panel + PANEL, k)
        above = first + panel * stride
        for four in range(panel, end, 4):
            left = four // L * L
            if four > panel:
                for j in range(left, size, 2 * L):
                    _add_products(W, first + four * stride + j, stride, above + four, above + j, four - panel)
            for r in range(four, four + 4):
                row = first + r * stride
                for q in range(four, r):
                    other = first + q * stride
                    share = _spread(W, other + r)
                    for j in range(left, size, L):
                        _store(W, row + j, _load(W, row + j) + share * _load(W, other + j))
                for j in range(left, r + 1):
                    W[row + j] = 0
                scale = 1 / np.sqrt(_row_total(W, row, left, size))
                for j in range(left, size, L):
                    _store(W, row + j, scale * _load(W, row + j))
        for i in range(end, rows, 4):
            start = max(i // L * L, columns) if i >= k else i // L * L
            for j in range(start, size, 2 * L):
                _add_products(W, first + i * stride + j, stride, above + i, above + j, end - panel)


@_compiled
def _assemble(W, first, stride, rows, block, at, width, bundles, maps, where):
    """Add a block's weights to those of the front of which it is a part; eight wires go together."""
    L = LANES
    for a in range(bundles):
        to = maps[where + a] * L
        if to >= rows:
            break
        for r in range(L):
            row, source = first + (to + r) * stride, at + (a * L + r) * width
            for b in range(a, bundles):
                o = row + maps[where + b] * L
                _store(W, o, _load(W, o) + _load(block, source + b * L))


@_compiled
def join_matrices(W, blocks, steps, maps):
    """Join a tile's blocks, two at a time, as a `plans.Plan` says; W is where all of it happens."""
    nothing = _zeros()
    for n in range(len(steps)):
        k, size, first, stride = steps[n, 0], steps[n, 1], steps[n, 2], steps[n, 3]
        rows, columns = steps[n, 4], steps[n, 5]
        for i in range(rows):
            for j in range(i // LANES * LANES, stride, LANES):
                _store(W, first + i * stride + j, nothing)
        for child in range(2):
            c = 6 + 5 * child
            source = blocks if steps[n, c] == 1 else W
            at, width, bundles, where = steps[n, c + 1], steps[n, c + 2], steps[n, c + 3], steps[n, c + 4]
            _assemble(W, first, stride, rows, source, at, width, bundles, maps, where)
        _eliminate(W, first, stride, k, size, rows, columns)


@_compiled
def scale(given, G, unit, drawn):
    """Tiles in units of a power of 2 near their highest conductance; the most that a row and a column of each draw."""
    tiles, M, N = given.shape
    columns = np.empty(N, G.dtype)
    for tile in range(tiles):
        highest = 0.0
        for i in range(M):
            for j in range(N):
                highest = max(highest, given[tile, i, j])
        unit[tile] = math.ldexp(0.5, math.frexp(highest)[1]) if highest > 0 else 1.0
        columns[:] = 0
        row_most = 0.0
        for i in range(M):
            row = 0.0
            for j in range(N):
                G[tile, i, j] = given[tile, i, j] / unit[tile]
                row += G[tile, i, j]
                columns[j] += G[tile, i, j]
            row_most = max(row_most, row)
        drawn[0, tile], drawn[1, tile] = row_most, columns.max()


@_compiled
def unscale(found, unit, G_eff, most):
    """``G_eff`` in siemens, and the largest element of each tile in its own units; NaN where one is."""
    for tile in range(len(found)):
        largest = 0.0
        for i in range(found.shape[1]):
            for j in range(found.shape[2]):
                if not found[tile, i, j] <= largest:
                    largest = found[tile, i, j]
                G_eff[tile, i, j] = found[tile, i, j] * unit[tile]
        most[tile] = largest
