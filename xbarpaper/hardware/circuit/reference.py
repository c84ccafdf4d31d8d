"""The referee: the nodal equations of one tile by scipy's sparse LU. It shares no code with the fast solver.

The circuit, with a row-wire node r(i, j) and a column-wire node c(i, j) where row i crosses column j:

    source i --driver_ohm-- r(i, 0) --row_wire_ohm-- r(i, 1) -- ... r(i, N-1)
    c(0, j) --column_wire_ohm-- c(1, j) -- ... c(M-1, j) --sense_ohm-- ground j
    r(i, j) --device of conductance G[i, j]-- c(i, j)

A resistance of zero makes its two ends one node (not a very small resistor, which would ruin the
conditioning); a device of zero conductance is absent. Sources and grounds are nodes of known potential. The
current into ground j is what flows over all branches that end in its node: the sense resistor, or, where
that is zero, the last wire segment or the devices themselves.

A node's self-conductance is a rounded sum, so plain elimination loses about 1e-16 times the ratio of the largest
to the smallest resistance along a wire (driver, segments, sense). Iterative refinement wins that back: the
currents that do not yet cancel in a node are summed branch by branch, where nothing has been rounded away, and
drive the next correction. Up to a ratio of about 1e11 the result is then good to 1e-12 of the largest element of
G_eff. The currents that are left over in the nodes bound the error; where they do not become small, an error
is raised rather than a wrong result returned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from xbarpaper.params import Parasitics

Floats = npt.NDArray[np.float64]
LongFloats = npt.NDArray[np.longdouble]
Integers = npt.NDArray[np.int64]

_CONVERGED = 1e-13  # of the largest element: what a last correction may still change
_RESOLVED = 1e-10  # likewise: what may be left over in all nodes together; usually far less, mostly rounding
_TOO_WIDE = "conductance, parasitics: the values span too many decades for float64; about 11 are safe"


def reference_effective_conductance(
    conductance: npt.NDArray[np.floating],
    parasitics: Parasitics,
    *,
    refine: bool = True,
    inputs: Sequence[int] | None = None,
) -> Floats:
    """``G_eff`` of one tile from its nodal equations, one unit source at a time.

    Args:
        conductance: device conductances, siemens, shape (M, N), finite and not negative; 0 means no device.
        parasitics: resistances of drivers, wires and sense circuits; any may be zero.
        refine: False gives the plain solution by sparse LU in float64, without iterative refinement.
        inputs: rows to drive one at a time, all if not given: a large tile takes long.

    Returns:
        Siemens, float64, shape (M, N), or a row for each of ``inputs``: element (i, j) is the current into the virtual
        ground of column j with 1 V on row i and 0 V on the others.

    Raises:
        ValueError: ``conductance`` is not one tile, or holds a negative, infinite or NaN value.
        ArithmeticError: the values span too many decades: refinement does not converge.
    """
    G = np.asarray(conductance, dtype=np.float64)
    if G.ndim != 2 or G.size == 0:
        raise ValueError(f"conductance: shape {G.shape} must be (rows, columns), both at least 1")
    if not (np.isfinite(G).all() and (G >= 0).all()):
        raise ValueError("conductance: every value must be finite and at least 0 siemens")
    rows, columns = G.shape
    driven = np.arange(rows) if inputs is None else np.asarray(inputs, dtype=np.int64)
    if not G.any():
        return np.zeros((len(driven), columns))

    # Terminals first: a source per row, and a ground per column so that their currents stay apart.
    terminals = rows + columns
    row_node = terminals + np.arange(rows * columns).reshape(rows, columns)
    column_node = row_node + rows * columns
    resistors = [
        (np.arange(rows), row_node[:, 0], parasitics.driver_ohm),
        (row_node[:, :-1].ravel(), row_node[:, 1:].ravel(), parasitics.row_wire_ohm),
        (column_node[:-1].ravel(), column_node[1:].ravel(), parasitics.column_wire_ohm),
        (column_node[-1], rows + np.arange(columns), parasitics.sense_ohm),
    ]
    merged = _merged_nodes([(a, b) for a, b, ohm in resistors if ohm == 0], terminals + 2 * rows * columns)
    present = G > 0
    branches = [(a, b, np.full(len(a), 1 / np.longdouble(ohm))) for a, b, ohm in resistors if ohm > 0]
    branches.append((row_node[present], column_node[present], G[present].astype(np.longdouble)))
    start = merged[np.concatenate([a for a, _, _ in branches])]
    end = merged[np.concatenate([b for _, b, _ in branches])]
    siemens = np.concatenate([g for _, _, g in branches])

    # Terminals never merge with one another: between a source and a ground there is always a device.
    source, ground = merged[:rows], merged[rows:terminals]
    transfer = _refined_transfer if refine else _plain_transfer
    return transfer(start, end, siemens, source, ground, driven)


def _merged_nodes(joined: list[tuple[Integers, Integers]], count: int) -> Integers:
    """The supernode of each of ``count`` nodes when the two ends of every pair are one."""
    a = np.concatenate([np.empty(0, dtype=np.int64), *(a for a, _ in joined)])
    b = np.concatenate([np.empty(0, dtype=np.int64), *(b for _, b in joined)])
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(count, count))
    labels: Integers = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels


def _plain_transfer(
    start: Integers, end: Integers, siemens: LongFloats, source: Integers, ground: Integers, driven: Integers
) -> Floats:
    """Current into each ground per volt on each source that is driven, shape (driven, grounds), siemens."""
    laplacian, inner = _nodal_equations(start, end, siemens, source, ground)
    source = source[driven]
    direct = -laplacian[ground][:, source].toarray()
    if len(inner) == 0:
        return np.ascontiguousarray(direct.T)
    voltages = splu(laplacian[inner][:, inner].tocsc()).solve(-laplacian[inner][:, source].toarray())
    return np.ascontiguousarray((direct - laplacian[ground][:, inner] @ voltages).T)


def _refined_transfer(
    start: Integers, end: Integers, siemens: LongFloats, source: Integers, ground: Integers, driven: Integers
) -> Floats:
    """The same with iterative refinement: float64 corrections of currents that are summed in ``longdouble``."""
    laplacian, inner = _nodal_equations(start, end, siemens, source, ground)
    source = source[driven]
    count, branches = laplacian.shape[0], np.arange(len(siemens))
    ends = np.concatenate([start, end]), np.tile(branches, 2)
    into = coo_array((np.repeat([-1.0, 1.0], len(branches)), ends), shape=(count, len(branches))).tocsr()
    across = -into.T.tocsr()

    # A voltage is the unevaluated sum of two numbers: the drop along a wire may be far smaller than the
    # rounding of the voltages at its ends, and yet its relative error must be small.
    coarse = np.zeros((count, len(source)), dtype=np.longdouble)
    coarse[source, np.arange(len(source))] = 1
    fine = np.zeros_like(coarse)

    def gathered() -> LongFloats:
        """Current that the branches bring into each node; zero in every inner node once solved."""
        currents: LongFloats = into @ (siemens[:, None] * (across @ coarse + across @ fine))
        return currents

    currents = gathered()
    if len(inner) == 0:
        return np.ascontiguousarray(currents[ground].T.astype(np.float64))
    if not np.isfinite(laplacian.data).all():
        raise ArithmeticError(_TOO_WIDE)
    try:
        lu = splu(laplacian[inner][:, inner].tocsc())
    except RuntimeError as error:  # a rounded sum has swallowed all that holds some node
        raise ArithmeticError(_TOO_WIDE) from error
    change = np.inf
    while True:
        step = fine[inner] + lu.solve(currents[inner].astype(np.float64))
        total = coarse[inner] + step
        fine[inner] = step - (total - coarse[inner])
        coarse[inner] = total
        last_currents, currents = currents, gathered()
        last_change, change = change, float(np.abs((currents - last_currents)[ground]).max())
        # Every step divides the error by a large number until only rounding is left.
        if not change < last_change / 2:
            break
    # Of a current brought into an inner node, each ground takes a share between 0 and 1: this bounds the error.
    unresolved = float(np.abs(currents[inner]).sum(axis=0).max())
    largest = float(np.abs(currents[ground]).max())
    if not (change <= _CONVERGED * largest and unresolved <= _RESOLVED * largest):
        raise ArithmeticError(_TOO_WIDE)
    return np.ascontiguousarray(currents[ground].T.astype(np.float64))


def _nodal_equations(
    start: Integers, end: Integers, siemens: LongFloats, source: Integers, ground: Integers
) -> tuple[csr_array, Integers]:
    """The Laplacian of the branches in float64, and the nodes whose potential is not given."""
    count = int(max(start.max(initial=0), end.max(initial=0), source.max(), ground.max())) + 1
    both = np.concatenate([start, end]), np.concatenate([end, start])
    rounded = siemens.astype(np.float64)
    off_diagonal = coo_array((np.tile(rounded, 2), both), shape=(count, count)).tocsr()
    laplacian = (coo_array((off_diagonal.sum(axis=1), (np.arange(count),) * 2)) - off_diagonal).tocsr()

    # Every wire hangs on its source or its ground, devices or not: no node floats, the equations are regular.
    return laplacian, np.setdiff1d(np.arange(count), np.concatenate([source, ground]))
