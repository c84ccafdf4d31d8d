#!/bin/sh
# mpimpy, `diffpairdpe` and `bitslicedpe`: a matrix of which one side is a multiple of the array and the other is not
# loses the remainder without a word.
#
# What it does: the test for the rows pads the columns, and the other way round. With 32 x 32 arrays, 40 x 40 is right;
# 40 x 32 ignores the last 8 inputs; 32 x 40 gives 0 in the last 8 outputs; 27 x 64 gives 0 everywhere.
# One would guess: every shape is padded, or one that cannot be done raises.
# Who is hurt: the first convolution of each VGG and ResNet (3 x 3 x 3 = 27 inputs, 64 outputs) is exactly such a matrix.
# `fpmemdpe` of the same package is right.
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
fine = dict(var=0.0, g_level=256, rdac=2**16, radc=2**20)
error = {}
for shape in ((64, 64), (40, 40), (40, 32), (32, 40), (27, 64)):
    weights, x = rng.standard_normal(shape), rng.standard_normal((5, shape[0]))
    exact = x @ weights
    for name, engine in (("diffpair", diffpairdpe(**fine)), ("bitsliced", bitslicedpe(**fine)), ("fp", fpmemdpe(var=0.0))):
        got = engine.MapReduceDot(x, weights)
        error[name, shape] = np.linalg.norm(got - exact) / np.linalg.norm(exact)
        print(f"{name:9} {shape}: relative error {error[name, shape]:.4f}, outputs that are 0 throughout: {(got == 0).all(0).sum()}")
for name in ("diffpair", "bitsliced"):
    assert error[name, (64, 64)] < 0.01 and error[name, (40, 40)] < 0.01
    assert error[name, (40, 32)] > 0.2 and error[name, (32, 40)] > 0.2 and error[name, (27, 64)] == 1.0
PY
