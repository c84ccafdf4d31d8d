#!/bin/sh
# mpimpy: `vnoise`, the noise of the read voltage (0.05 by default), is kept and never used.
#
# What it does: all three engines take the argument; no computation reads it. 0 and 10 give the same bits.
# One would guess: the read voltages carry that noise, and with the default of 5 % it is in every published number.
# Who is hurt: whoever sweeps it ("robust against voltage noise up to 1000 %"), or counts it into an error budget.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile mpimpy==1.0 numpy==2.4.6 scipy==1.17.1
python -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from mpimpy import bitslicedpe, diffpairdpe, fpmemdpe

print("mpimpy", version("mpimpy"), "numpy", np.__version__)
rng = np.random.default_rng(0)
weights, x = rng.standard_normal((32, 32)), rng.standard_normal((5, 32))
for engine in (diffpairdpe, bitslicedpe, fpmemdpe):
    outputs = []
    for vnoise in (0.0, 0.05, 10.0):
        np.random.seed(0)
        outputs.append(engine(vnoise=vnoise).MapReduceDot(x, weights))
    same = all(np.array_equal(outputs[0], other) for other in outputs)
    np.random.seed(0)
    quiet = np.array_equal(outputs[0], engine(var=0.0).MapReduceDot(x, weights))
    print(f"{engine.__name__}: outputs for vnoise 0, 0.05 and 10 equal to the bit: {same}; for var 0: {quiet}")
    assert same and not quiet
PY
