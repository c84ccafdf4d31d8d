"""One simulator solves crossbars: run by ``simulators.py`` in the simulators' own environment, without this library.

``python simulators_peer.py NAME IN.npz OUT.npz REPEATS``. In: ``conductances_siemens`` (tiles, rows, columns), 0 where a
crossbar has no device, ``row_wire_ohm`` and ``column_wire_ohm``. Out: ``effective_siemens``, the same shape: the column
currents with 1 V on one row at a time; ``currents_ampere`` with 1 V on all rows, shape (tiles, columns); ``seconds`` of
processor time for the former, the fastest of the repeats.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Solve = Callable[[Floats, Floats], Floats]
"""From conductances (rows, columns) and voltages (vectors, rows) to currents (vectors, columns)."""


def badcrossbar(row_ohm: float, column_ohm: float) -> Solve:
    import logging

    logging.basicConfig(level=logging.WARNING)  # on import it would tell of every step
    import badcrossbar as package

    wires = {"r_i_word_line": row_ohm, "r_i_bit_line": column_ohm}

    def solve(G: Floats, V: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            found = package.compute(np.eye(len(G)), 1 / G, node_voltages=False, all_currents=False, **wires)
        return np.asarray(V @ found.currents.output)  # linear: the circuit is solved once for each row

    return solve


def crosssim(row_ohm: float, column_ohm: float) -> Solve:
    from simulator import AnalogCore, CrossSimParameters

    params = CrossSimParameters()
    params.xbar.array.parasitics.enable = True
    params.xbar.array.parasitics.Rp_row = row_ohm
    params.xbar.array.parasitics.Rp_col = column_ohm
    params.xbar.device.infinite_on_off_ratio = True
    params.simulation.hide_convergence_msg = True

    def solve(G: Floats, V: Floats) -> Floats:
        largest = float(G.max())
        params.xbar.device.Rmin = 1 / largest
        params.core.mapping.weights.min, params.core.mapping.weights.max = -largest, largest
        return np.asarray(AnalogCore(G.T, params=params) @ V.T).T

    return solve


def mpimpy(row_ohm: float, column_ohm: float) -> Solve:
    from mpimpy.crossbar import crossbar as package

    if row_ohm != column_ohm:
        raise ValueError("mpimpy has one resistance for both wires")
    return lambda G, V: np.asarray(package.hdot(V, 1 / G, row_ohm))


def analoglib(row_ohm: float, column_ohm: float) -> Solve:
    from analoglib.effects import EffectContext, IRDrop

    effect = IRDrop(r_wire=row_ohm)
    return lambda G, V: np.stack([one @ effect.apply(G, EffectContext(G=G, V_row=one)) for one in V])


def aihwkit(row_ohm: float, column_ohm: float) -> Solve:
    import torch
    from aihwkit.inference.converter.conductance import SinglePairConductanceConverter
    from aihwkit.nn import AnalogLinear
    from aihwkit.simulator.configs import TorchInferenceRPUConfigIRDropT
    from aihwkit.simulator.parameters.enums import BoundManagementType, NoiseManagementType

    def solve(G: Floats, V: Floats) -> Floats:
        largest = float(G.max())
        config = TorchInferenceRPUConfigIRDropT()
        config.mapping.max_input_size, config.mapping.max_output_size = G.shape
        config.mapping.weight_scaling_omega = 0.0
        config.noise_model.g_converter = SinglePairConductanceConverter(g_max=1e6 * largest, g_min=0.0)
        forward = config.forward
        forward.ir_drop, forward.ir_drop_rs, forward.ir_drop_segments = 1.0, column_ohm, len(G)
        forward.ir_drop_v_read, forward.out_res, forward.out_noise = 0.4, -1, 0.0
        forward.noise_management = NoiseManagementType.NONE
        forward.bound_management = BoundManagementType.NONE
        forward.out_bound, forward.adc_quantization = float(len(G)), False
        layer = AnalogLinear(*G.shape, bias=False, rpu_config=config)
        layer.set_weights(torch.from_numpy(G.T / largest).float())
        with torch.no_grad():
            found = layer.eval()(torch.from_numpy(V).float())
        return np.asarray(largest * found.double().numpy())

    return solve


PEERS: Final = {one.__name__: one for one in (badcrossbar, crosssim, mpimpy, aihwkit, analoglib)}


def main() -> None:
    """Solve the crossbars of a file."""
    name, source, target, repeats = sys.argv[1:]
    with np.load(source) as file:
        tiles = file["conductances_siemens"]
        solve = PEERS[name](float(file["row_wire_ohm"]), float(file["column_wire_ohm"]))
    small = tiles[0, :8, :8]
    solve(small, np.eye(len(small)))  # once untimed: imports, caches
    found, currents, seconds = [], [], []
    for tile in tiles:
        times = []
        for _ in range(int(repeats)):
            start = time.process_time()
            effective = solve(tile, np.eye(len(tile)))
            times.append(time.process_time() - start)
        found.append(effective)
        currents.append(solve(tile, np.ones((1, len(tile))))[0])
        seconds.append(min(times))
    np.savez(target, effective_siemens=found, currents_ampere=currents, seconds=seconds)


if __name__ == "__main__":
    main()
