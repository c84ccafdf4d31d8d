#!/bin/sh
# CrossSim 3.2.0: writing a part of a core, as in `core[:2] = rows`, changes the errors of devices that are not written.
#
# What it does: the part is put into the matrix as it is read back, errors included; the whole of it is then programmed, and
# only the written part is meant to get new errors. On the way the rest changes too. With `cell_bits` each device is rounded
# to the nearest level, in a matrix of integers to an integer: an error of less than half a step is gone. Where the matrix
# is cut into arrays, the rows at the same place of the next array get one more error on top of theirs with each write.
# One would guess: what is not written stays as it was programmed; a comment in the code says that its errors stay.
# Who is hurt: whoever rewrites bad cells, or one task's rows of a shared core: the first write repairs all other devices of
# an array with levels, or each write harms an array that nobody wrote to, and the method gets the credit or the blame.
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

def errors(matrix, writes=1, bits=0, limit=0):
    """Write the first two rows once more, as they were; the errors of all rows before and after, of the largest value."""
    np.random.seed(1)
    params = CrossSimParameters()
    params.xbar.device.cell_bits = bits
    params.xbar.device.programming_error.enable = True
    params.xbar.device.programming_error.model = "NormalIndependentDevice"
    params.xbar.device.programming_error.magnitude = 0.003
    params.core.rows_max = params.core.cols_max = limit
    core, largest = AnalogCore(matrix, params), np.abs(matrix).max()
    before = (core @ np.eye(32) - matrix) / largest
    for _ in range(writes):
        core[:2] = matrix[:2]
    return before, (core @ np.eye(32) - matrix) / largest

weights = np.random.default_rng(0).uniform(-1, 1, (32, 32))
cases = {
    "weights without levels": (weights, 0),
    "weights of 16 levels": (np.round(15 * weights) / 15, 4),
    "a matrix of integers": (np.round(15 * weights).astype(int), 0),
}
rest = {}
for name, (matrix, bits) in cases.items():
    before, after = errors(matrix, bits=bits)
    rest[name] = before[2:].std(), after[2:].std()
    print(f"{name}: error of the 30 rows not written {rest[name][0]:.3%}, after the write {rest[name][1]:.5%}")
grows = {}
for writes in (1, 10, 100):
    before, after = errors(weights, writes=writes, limit=16)
    grows[writes] = after[16:18].std() / before[16:18].std()
    stay = np.abs(after[2:16] - before[2:16]).std() / before.std(), np.abs(after[18:] - before[18:]).std() / before.std()
    print(f"arrays of 16, rows 0 and 1 written {writes} times: error of rows 16 and 17 times {grows[writes]:.1f}; change elsewhere {max(stay):.1%}")
    assert max(stay) < 0.05
assert all(0.004 < before < 0.006 for before, _ in rest.values())
assert 0.004 < rest["weights without levels"][1] < 0.006
assert rest["weights of 16 levels"][1] < 1e-6 and rest["a matrix of integers"][1] < 1e-6
assert 2 < grows[10] < 5 and 7 < grows[100] < 14
PY
