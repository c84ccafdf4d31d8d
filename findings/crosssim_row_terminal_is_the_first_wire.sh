#!/bin/sh
# CrossSim 3.2.0: `Rp_row_terminal`, the series resistance at the terminals of the rows, acts on the first row alone, and
# there once in every segment of its wire.
#
# What it does: the resistance is added to the wire segments of input 0 (`Rp_in_mat[:, 0]`), not to the first segment of
# every input (`[0, :]`). 1 kOhm on an 8 x 8 array of 20 kOhm devices leaves rows 1 to 7 as they were and takes 19 to 70 %
# from row 0, more in every further column. `Rp_col_terminal` does what its name says.
# One would guess: each row loses the same 29 %, as each column does with `Rp_col_terminal`; the readme speaks of
# "peripheral drivers, switches, or muxes".
# Who is hurt: whoever models drivers: the array looks all but ideal, whatever the driver, and one input is wrong.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile numpy==2.4.6 scipy==1.17.1
# It is in no package index; CROSSSIM may name a folder with the same source.
pip install --quiet --no-compile --no-deps "${CROSSSIM:-git+https://github.com/sandialabs/cross-sim@0a2eb1ed}"
python -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from simulator import AnalogCore, CrossSimParameters

print("CrossSim", version("CrossSim"), "numpy", np.__version__)
n, g = 8, 5e-5
kept = {}
for end in ("Rp_row_terminal", "Rp_col_terminal"):
    params = CrossSimParameters()
    params.xbar.array.parasitics.enable = True
    params.xbar.array.parasitics.Rp_col = 1e-6
    setattr(params.xbar.array.parasitics, end, 1000.0)
    params.xbar.device.Rmin, params.xbar.device.infinite_on_off_ratio = 1 / g, True
    params.core.mapping.weights.min, params.core.mapping.weights.max = -g, g
    params.simulation.Verr_th_mvm, params.simulation.hide_convergence_msg = 1e-9, True
    core = AnalogCore(np.full((n, n), g), params=params)
    kept[end] = (core @ np.eye(n)).T / g  # by input and output, of the current without the resistance
    print(end, "= 1000 ohm keeps, by input:", kept[end].mean(1).round(3))
row, column = kept["Rp_row_terminal"], kept["Rp_col_terminal"]
assert abs(row[1:] - 1).max() < 1e-4 and row[0, 0] > 0.8 and row[0, -1] < 0.31
assert abs(column - 1 / (1 + n * g * 1000)).max() < 1e-3
PY
