#!/bin/sh
# CrossSim 3.2.0: a matrix that is cut into arrays "equally", the default, can end in an array that is larger than allowed.
#
# What it does: the length of a part is the quotient, rounded, and the last part takes what is left over. Rounded down, the
# rests add up in it: 1000 outputs with at most 64 a array become fifteen arrays of 62 and one of 70; 401 inputs with at
# most 16, 25 arrays of 15 and one of 26. Rounded up, the last one is short.
# One would guess: no array is larger than `rows_max` and `cols_max`; equal parts differ by one at most.
# Who is hurt: whoever models wires, ADC ranges or energy of a fixed array: one of the arrays cannot be built, and has longer
# wires than any. The strategy `MAX` keeps the limit.
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
from simulator.parameters.core_parameters import PartitionStrategy

print("CrossSim", version("CrossSim"), "numpy", np.__version__)

def arrays(outputs, inputs, limit, strategy=None):
    params = CrossSimParameters()
    params.core.rows_max = params.core.cols_max = limit
    if strategy is not None:
        params.core.mapping.weights.row_partition_strategy = strategy
        params.core.mapping.weights.col_partition_strategy = strategy
    core = AnalogCore(np.random.default_rng(0).standard_normal((outputs, inputs)), params)
    got = [[int(n) for n in vector] for vector in (core.NrowsVec, core.NcolsVec)]
    shapes = {part.W_shape for row in core.cores for part in row}
    return got, shapes

for outputs, inputs, limit, largest in ((1000, 64, 64, 70), (10, 401, 16, 26), (64, 785, 64, 65), (100, 64, 64, 50)):
    (of_outputs, of_inputs), shapes = arrays(outputs, inputs, limit)
    vector = of_outputs if outputs > inputs else of_inputs
    print(f"{outputs} x {inputs}, at most {limit}: {len(vector) - 1} of {vector[0]} and one of {vector[-1]}; shapes {sorted(shapes)}")
    assert max(vector) == largest and max(max(shape) for shape in shapes) >= largest
    (of_outputs, of_inputs), _ = arrays(outputs, inputs, limit, PartitionStrategy.MAX)
    assert max(of_outputs + of_inputs) <= limit
PY
