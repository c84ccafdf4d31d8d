"""In which order the fast solver joins the blocks of a tile: worked out once for each shape; see `dissection`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from xbarpaper.hardware.circuit import kernels

_BLOCK = kernels.LANES  # rows and columns of a block that is joined in lanes
_LARGEST_IN_LANES = 16  # likewise, of a whole tile

Integers = npt.NDArray[np.int64]
Node = tuple[str, int, int]  # "r", row, column to its right; or "c", row below it, column
_SIDES = ("left", "right", "top", "bottom")


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


@lru_cache(maxsize=32)
def plan_of(rows: int, columns: int) -> Plan:
    """How tiles of a shape are joined."""
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
