"""The fast solver: a tile is joined from blocks whose inner nodes have been eliminated (nested dissection).

Wires and devices are a network of conductances, here called weights. A *block* is a part of the tile, some rows by some
columns, with all of its inner nodes eliminated: it is known by the weights between its *ports*, where its row wires
leave to the left and right, its column wires to the top and bottom. The smallest block is one device with a segment of
row wire to its left and one of column wire below it; a driver or a sense circuit takes the segment's place at the
tile's edge. Two neighbours join by eliminating the ports that they share. The ports of the whole tile are its sources
and its grounds, and the weight between source i and ground j is ``G_eff[i, j]``.

**Elimination** of a node k, whose weights ``w[k, j]`` have the sum s, leaves between any two of its neighbours the weight

    w[i, j] + w[i, k] w[k, j] / s        (the star becomes a mesh).

Only positive numbers are added, multiplied and divided, so nothing cancels, whatever the devices and resistances.

**Order.** The longer side of a block is halved until 8 x 8 devices are left. Of an N x N block, N/2 or N nodes are
eliminated beside some 4 N ports, which costs N^3, and smaller blocks cost less in sum: about 33 N^3 operations for a
tile, where elimination column by column takes N^4. Nodes are sorted as they are eliminated, so the weights of a block
go into those of the next, its *front*, without turning round. Blocks of 8 x 8, and tiles up to 16 x 16, are joined eight
at a time in the lanes of vectors; larger blocks are matrices, which are eliminated as fast as matrices are multiplied.

**The bound.** Two networks whose weights agree to a factor between 1 - e and 1 + e draw powers that agree to the same
factor, for any voltages of their ports; and they still do after any elimination, which finds the least power. So errors
of rounding add up, one elimination after another, and do not grow. One elimination changes no weight by more than some
roundings, which are counted here for each shape, in the worst case. An output's error is an off-diagonal element of a
matrix whose quadratic form is at most e times the power, hence

    |error of G_eff[i, j]| <= e (Y_i Y_j)^1/2,

where Y_i is what driver i draws at 1 V with all else grounded, at most the current through its driver and all devices of
its row in parallel; likewise Y_j for a column. Rounding is far kinder than its worst case: errors found are near 1e-15,
while the bound is 1e-10 at 64 x 64 and 1e-9 at 256 x 256.

**No resistance.** A wire without resistance would join its nodes. It is given one so small that it changes the powers by
less than a rounding: with x the currents of the devices, all row wires take at most ``ohm N^2 sum x^2``, all column wires
``ohm M^2 sum x^2``, beside ``sum x^2 / G`` in the devices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xbarpaper.hardware.circuit import kernels
from xbarpaper.params import Parasitics
from xbarpaper.support import memory
from xbarpaper.support.errors import CircuitError

_BLOCK = kernels.LANES  # rows and columns of a block that is joined in lanes
_LARGEST_IN_LANES = 16  # likewise, of a whole tile
_TILES_PER_TASK = 64
_DEVICES_PER_TASK = 2**15
_LEAST = 1e-200  # of the highest conductance: smaller weights may have been lost to underflow

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.int64]
Node = tuple[str, int, int]  # "r", row, column to its right; or "c", row below it, column
_SIDES = ("left", "right", "top", "bottom")


def solve(tiles: Tensor, parasitics: Parasitics, tiles_per_task: int | None = None) -> tuple[Tensor, Tensor]:
    """``G_eff`` of tiles, shape (B, M, N), in their own type; and the bound proven on the error of each, shape (B,).

    Bounds are relative to the tile's largest element.

    Raises:
        CircuitError: there is not enough memory for tiles of this size.
    """
    given = np.ascontiguousarray(tiles.numpy())
    count, rows, columns = given.shape
    usual = min(_TILES_PER_TASK, max(1, _DEVICES_PER_TASK // (rows * columns)))
    most = min(tiles_per_task or usual, count)
    parts = _parts(count, most)
    threads = max(1, min(torch.get_num_threads(), len(parts)))
    memory.require(
        8.0 * threads * numbers(rows, columns, most),
        f"the circuit of {rows} x {columns} crossbars",
        "use smaller crossbars or fewer threads",
        CircuitError,
    )
    plan = _plan(rows, columns)
    rooms = [_Room(plan, most) for _ in range(threads)]
    G_eff, bounds = np.empty_like(given), np.empty(count)

    def work(part: slice) -> None:
        room = rooms.pop()
        bound = _solve(given[part], parasitics, plan, room, G_eff[part])
        rooms.append(room)
        bounds[part] = bound + np.finfo(given.dtype).eps

    _in_threads(work, parts, threads)
    return torch.from_numpy(G_eff), torch.from_numpy(bounds)


def numbers(rows: int, columns: int, tiles: int) -> float:
    """How many numbers of memory some tiles take that one thread solves together; an estimate from above."""
    wires, devices = rows + columns, rows * columns
    return 10.0 * wires**2 + 20.0 * tiles * devices + 2e5


def _solve(given: Floats, parasitics: Parasitics, plan: Plan, room: _Room, G_eff: Floats) -> Floats:
    """Writes ``G_eff`` of tiles; returns the bound on the error of each, relative to its largest element."""
    count, rows, columns = given.shape
    G, found = np.empty(given.shape), np.empty(given.shape)
    unit, drawn, most = np.empty(count), np.empty((2, count)), np.empty(count)
    kernels.scale(given, G, unit, drawn)
    least = 2.0**-60 / (rows**2 + columns**2)
    ends = np.array([[parasitics.driver_ohm], [parasitics.sense_ohm]])
    ohms = [parasitics.row_wire_ohm, parasitics.column_wire_ohm, parasitics.driver_ohm, parasitics.sense_ohm]
    with np.errstate(all="ignore"):  # what over- or underflows ends in an infinite bound
        wires = 1 / np.maximum(np.outer(unit, ohms), least)
        power = np.prod(drawn / (1 + unit * ends * drawn), axis=0)
    S, U, W, out = room.lanes, room.scratch, room.matrices, room.blocks
    for block, origins in plan.blocks:
        kernels.join_blocks(
            G, wires, block.rows, block.columns, origins, block.steps, block.zeros, block.copies, block.sums,
            block.tiles, block.result, block.stride, block.ports, S, U, plan.blocks_size, out, found,
        )  # fmt: skip
    if len(plan.steps):
        first, stride, top, left = plan.result
        for tile in range(count):
            kernels.join_matrices(W, out[tile * plan.blocks_size :], plan.steps, plan.maps)
            table = W[first : first + plan.sources * stride].reshape(plan.sources, stride)
            found[tile] = table[top : top + rows, left : left + columns]
    kernels.unscale(found, unit, G_eff, most)
    with np.errstate(all="ignore"):
        bound: Floats = plan.roundings * np.finfo(np.float64).eps / 2 * np.sqrt(power) / most
    bound[~(most > _LEAST)] = np.inf
    bound[drawn[0] == 0] = 0
    return bound


@dataclass(frozen=True)
class Block:
    """How devices become a block: a program for `kernels.join_blocks`.

    Its places count vectors in a scratch array: the devices, the four weights of wires, a zero, the fronts.
    """

    # rows, columns: of devices
    rows: int
    columns: int
    ports: int  # how many
    # a row per front: nodes that go, all nodes, first place and stride, where the rows end and the columns
    # begin that matter, its first tile, and where its zeros, copies and sums begin and end
    steps: Integers
    zeros: Integers  # places that become zero
    copies: Integers  # places (to, from)
    sums: Integers  # places (to, a, b)
    tiles: Integers  # from where the weights among the nodes that stay come, for each tile of 2 x 4
    result: int  # place of the first weight between ports
    stride: int  # of the last front
    size: int  # vectors of scratch
    scratch: int  # vectors of scratch for the rows that go
    roundings: float  # in units of half the machine's epsilon, what the powers may be off


@dataclass(frozen=True)
class Plan:
    """How a tile is joined from blocks."""

    # each kind of block, with first row and column and place in memory of all blocks of this kind
    blocks: Sequence[tuple[Block, Integers]]
    blocks_size: int  # numbers that the blocks of a tile take
    # a row per front: nodes that go, all nodes, first place and stride, where the rows end and the columns
    # begin that matter; and for both blocks that are joined: is it one of ``blocks``, its place, stride,
    # bundles of eight wires, and where its map begins. Empty where one block is the whole tile
    steps: Integers
    maps: Integers  # bundle of the front for each bundle of a block
    size: int  # numbers of memory for the fronts
    # place and stride of the sources' rows in the last front; where rows and columns of the tile begin in it
    result: tuple[int, int, int, int]
    sources: int  # rows of the last front, the padding included
    roundings: float  # see `Block`


class _Room:
    """Memory in which one thread solves."""

    def __init__(self, plan: Plan, tiles: int) -> None:
        lanes = kernels.LANES
        self.lanes = _aligned(lanes * max(block.size for block, _ in plan.blocks))
        self.scratch = _aligned(lanes * max(block.scratch for block, _ in plan.blocks))
        self.matrices = _aligned(plan.size)
        self.blocks = _aligned(plan.blocks_size * tiles)


@lru_cache(maxsize=32)
def _plan(rows: int, columns: int) -> Plan:
    if max(rows, columns) <= _LARGEST_IN_LANES:
        block, here = _block(rows, columns, ("left", "bottom"), True), np.zeros((1, 3), np.int64)
        none = np.empty(0, np.int64)
        return Plan([(block, here)], 0, none, none, 0, (0, 0, 0, 0), 0, block.roundings)
    up, across = -(-rows // _BLOCK), -(-columns // _BLOCK)  # blocks; those at the far ends are padded
    parts = _parts_of(up, across, ("left", "bottom"), loose_ends=False)
    shelf = _Shelf()
    maps: list[int] = []
    steps: list[list[int]] = []
    kinds: dict[tuple[str, ...], list[tuple[int, int, int]]] = {}
    blocks_size, roundings = 0, np.zeros(len(parts))
    for number, part in enumerate(parts):
        if part.cell is not None:
            row, column = part.cell
            sides = _nodes(row, column)
            kind = tuple(_SIDES[sides.index(node)] for node in part.ports)
            part.corner, part.stride = blocks_size, _BLOCK * len(part.ports)
            origin = row * _BLOCK - (up * _BLOCK - rows), column * _BLOCK, blocks_size
            kinds.setdefault(kind, []).append(origin)
            blocks_size += part.stride**2
            continue
        front, k = part.front, len(part.front) - len(part.ports)
        size, gone = _BLOCK * len(front), _BLOCK * k
        stride = size + _BLOCK
        first = shelf.take(size * stride + 2 * _BLOCK)
        root = number == len(parts) - 1
        step = [gone, size, first, stride, *([gone + _BLOCK * up] * 2 if root else [size, 0])]
        at = {node: index for index, node in enumerate(front)}
        for there in (parts[child] for child in part.children):
            step += [there.cell is not None, there.corner, there.stride, len(there.ports), len(maps)]
            maps += [at[node] for node in there.ports]
            if there.cell is None:
                shelf.give(there.place)
        steps.append(step)
        part.place, part.corner, part.stride = first, first + gone * (stride + 1), stride
        roundings[number] = max(roundings[child] for child in part.children) + _roundings(gone, size)
    blocks = [
        (_block(_BLOCK, _BLOCK, kind, False), np.array(origins, np.int64)) for kind, origins in kinds.items()
    ]
    gone, _, first, stride, left = steps[-1][:5]
    return Plan(
        blocks, blocks_size, np.array(steps, np.int64), np.array(maps, np.int64), shelf.size,
        (first + gone * stride, stride, up * _BLOCK - rows, left), up * _BLOCK,
        float(roundings[-1]) + max(block.roundings for block, _ in blocks),
    )  # fmt: skip


@lru_cache(maxsize=64)
def _block(rows: int, columns: int, sides: tuple[str, ...], whole: bool) -> Block:
    """A block of devices with ports at some sides, in that order; ``whole``: only left to bottom matters."""
    parts = _parts_of(rows, columns, sides, loose_ends=True)
    devices = rows * columns
    nothing, base = devices + 4, devices + 5
    shelf, scratch, roundings = _Shelf(), 0, [0.0] * len(parts)
    zeros: list[int] = []
    copies: list[tuple[int, int]] = []
    sums: list[tuple[int, int, int]] = []
    tiles: list[int] = []
    steps = []
    for number, part in enumerate(parts):
        if part.cell is not None and len(parts) > 1:
            continue
        front, k = part.front, len(part.front) - len(part.ports)
        size = len(front)
        stride = size + 3  # tiles stick out
        first = base + shelf.take((size + 1) * stride + 1)
        at = {node: index for index, node in enumerate(front)}
        found: dict[tuple[int, int], list[int]] = {}
        for child in part.children or [number]:
            there = parts[child]
            if there.cell is not None:
                row, column = there.cell
                left, right, top, bottom = _nodes(row, column)
                segments = (
                    (left, right, devices + (2 if column == 0 else 0)),
                    (right, top, row * columns + column),
                    (top, bottom, devices + (3 if row == rows - 1 else 1)),
                )
                for a, b, place in segments:
                    x, y = sorted((at[a], at[b]))
                    found.setdefault((x, y), []).append(place)
                continue
            for x, a in enumerate(there.ports):
                for y in range(x + 1, len(there.ports)):
                    place = there.corner + x * there.stride + y
                    found.setdefault((at[a], at[there.ports[y]]), []).append(place)
        step = [k, size, first, stride]
        sources = sum(node[0] == "r" for node in part.ports)
        step += [k + sources, k + sources] if whole and number == len(parts) - 1 else [size, 0]
        step.append(len(tiles) // 8)
        before = len(zeros), len(copies), len(sums)
        for x in range(k):
            for y in range(x + 1, size):
                to, places = first + x * stride + y, found.get((x, y), [])
                if not places:
                    zeros.append(to)
                elif len(places) == 1:
                    copies.append((to, places[0]))
                else:
                    sums.append((to, places[0], places[1]))
        for x in range(k, step[4], 2):
            for y in range(max(x, step[5]), size, 4):
                tiles += [found.get((i, j), [nothing])[0] for i in (x, x + 1) for j in range(y, y + 4)]
        for pair in zip(before, (len(zeros), len(copies), len(sums)), strict=True):
            step += pair
        steps.append(step)
        for there in (parts[child] for child in part.children):
            if there.cell is None:
                shelf.give(there.place)
        part.place, part.corner, part.stride = first - base, first + k * (stride + 1), stride
        scratch = max(scratch, k * stride)
        below = max((roundings[child] for child in part.children), default=0.0)
        roundings[number] = below + k * (size + k + 5)
    return Block(
        rows, columns, len(parts[-1].ports), np.array(steps, np.int64), np.array(zeros, np.int64),
        np.array(copies, np.int64).reshape(-1, 2), np.array(sums, np.int64).reshape(-1, 3),
        np.array(tiles, np.int64).reshape(-1, 8), parts[-1].corner, stride, base + shelf.size, scratch + stride,
        roundings[-1],
    )  # fmt: skip


@dataclass
class _Part:
    """Some rows and columns of a tile or block."""

    children: tuple[int, ...]  # numbers of the parts that it is joined from; none for a cell
    # row and column of what is not divided further: a device, or a block in a tile
    cell: tuple[int, int] | None
    front: list[Node]  # its nodes, those first that are eliminated first
    ports: list[Node]  # those of them that stay when it has been joined
    place: int = 0  # of the front in memory
    # corner, stride: of the weights between the ports
    corner: int = 0
    stride: int = 0


def _nodes(row: int, column: int) -> tuple[Node, Node, Node, Node]:
    """The nodes of a cell at its ``_SIDES``."""
    return ("r", row, column), ("r", row, column + 1), ("c", row, column), ("c", row + 1, column)


def _parts_of(rows: int, columns: int, sides: tuple[str, ...], *, loose_ends: bool) -> list[_Part]:
    """The parts of so many cells, each after those that it is joined from; it has ports at these sides, in this order.

    The ends of the wires at the other sides are loose. They are nodes of the cells, to be eliminated like inner ones,
    unless ``loose_ends`` is False.
    """
    parts: list[_Part] = []
    when: dict[Node, int] = {}  # by number of the part whose elimination removes a node

    def divide(top: int, bottom: int, left: int, right: int) -> int:
        children: tuple[int, ...] = ()
        nodes = set(_nodes(top, left))
        if right - left > 1 and right - left >= bottom - top:
            middle = (left + right + 1) // 2
            children = divide(top, bottom, left, middle), divide(top, bottom, middle, right)
        elif bottom - top > 1:
            middle = (top + bottom + 1) // 2
            children = divide(top, middle, left, right), divide(middle, bottom, left, right)
        if children:
            nodes = set(parts[children[0]].ports) | set(parts[children[1]].ports)
        edges = {"left": ("r", left), "right": ("r", right), "top": ("c", top), "bottom": ("c", bottom)}
        ends = {"left": 0, "right": columns, "top": 0, "bottom": rows}
        stay = {edge for side, edge in edges.items() if edge[1] != ends[side] or side in sides}
        ports = {node for node in nodes if (node[0], _boundary(node)) in stay}
        if children or rows == columns == 1:
            when.update(dict.fromkeys(nodes - ports, len(parts)))
        elif loose_ends:
            ports = nodes
        parts.append(_Part(children, None if children else (top, left), list(nodes), list(ports)))
        return len(parts) - 1

    divide(0, rows, 0, columns)
    last = {("r", 0): "left", ("r", columns): "right", ("c", 0): "top", ("c", rows): "bottom"}

    def order(node: Node) -> tuple[int, Node]:
        if node in when:
            return when[node], node
        return len(parts) + sides.index(last[node[0], _boundary(node)]), node

    for part in parts:
        part.ports.sort(key=order)
        if part.children or len(parts) == 1:
            part.front.sort(key=order)
    return parts


def _boundary(node: Node) -> int:
    """The column to the right of a node of a row wire, the row below a node of a column wire."""
    return node[2] if node[0] == "r" else node[1]


class _Shelf:
    """Places for arrays in one long one; those that are not needed at the same time may share."""

    def __init__(self) -> None:
        self.size = 0
        self._taken: dict[int, int] = {}  # end by beginning

    def take(self, size: int) -> int:
        """The first place that is free."""
        place = 0
        for begin, end in sorted(self._taken.items()):
            if begin - place >= size:
                break
            place = end
        self._taken[place] = place + size
        self.size = max(self.size, place + size)
        return place

    def give(self, place: int) -> None:
        """What was taken is no longer needed."""
        del self._taken[place]


def _roundings(gone: int, size: int) -> float:
    """Roundings of `kernels._eliminate`: by how much, in units of half the machine's epsilon, it may change the powers.

    Each elimination changes a weight by those of its sum (in four strands of eight), its root, quotient and products, and
    by those of adding it up with others, panel by panel.
    """
    return gone * (size / 32 + gone / kernels.PANEL + min(gone, kernels.PANEL) + 32)


def _parts(count: int, most: int) -> list[slice]:
    """Even parts of at most so many, but enough to keep all threads busy."""
    pieces = max(-(-count // most), min(torch.get_num_threads(), count)) if count else 0
    ends = [count * piece // pieces for piece in range(pieces + 1)] if pieces else []
    return [slice(*pair) for pair in pairwise(ends)]


def _aligned(size: int) -> Floats:
    """Numbers at a multiple of 64 bytes, so that no vector straddles two cache lines."""
    space = np.zeros(size + 8)
    return space[-(space.ctypes.data // 8) % 8 :][:size]


def _in_threads(work: Callable[[slice], None], parts: list[slice], threads: int) -> None:
    """Do ``work`` on all parts; the kernels let go of the GIL."""
    if threads < 2:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, parts))  # raises what a part raised
