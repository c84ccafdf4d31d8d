#!/bin/sh
# fxpmath: a number with a `scale` loses it in every operation: of 1.25 at scale 1/64 the negative is -80, and times one it is 1.
#
# What it does: reading, indexing, comparing and the mean take the scale into account. Sums, products and the largest value come as
# numbers of scale 1 with the fraction bits of the codes, and are cut off to those: with whole codes 1.25 * 1.25 is 1. A minus
# sign acts on the code and drops the scale. No message.
# One would guess: what the readme says, that values are scaled up for operations: -1.25, 1.25, 1.5625.
# Who is hurt: whoever keeps quantised weights or readings of a converter as codes with a scale, as int8 tools do: each layer computes
# with values that are rounded to whole numbers, or saturated. A way round: `x.get_val()`, and a new Fxp of the result.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile numpy==2.4.6
pip install --quiet --no-compile --no-deps fxpmath==0.4.10
python -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from fxpmath import Fxp

print("fxpmath", version("fxpmath"), "numpy", np.__version__)
exact = np.array([1.25, 0.5, -0.25])


def codes(values):
    return Fxp(values, signed=True, n_word=8, n_frac=0, scale=1 / 64)


x = codes(exact)
operations = {
    "x": lambda x: x,
    "x[0]": lambda x: x[0],
    "x.mean()": lambda x: x.mean(),
    "-x": lambda x: -x,
    "x * 1": lambda x: x * 1,
    "x + 0": lambda x: x + 0,
    "x + x": lambda x: x + x,
    "x * x": lambda x: x * x,
    "x.sum()": lambda x: x.sum(),
    "x.max()": lambda x: x.max(),
    "np.dot(x, x)": lambda x: np.dot(x, x),
}
print("weights of eight bits at scale 1/64:", codes(exact).raw().tolist())
found = {}
for name, operation in operations.items():
    result, wanted = operation(x), operation(exact)
    found[name] = np.asarray(result.get_val()).tolist()
    print(f"{name}: {found[name]} at scale {result.scale:.3g}, in exact numbers {np.asarray(wanted).tolist()}")
assert found["x"] == exact.tolist() and found["x[0]"] == 1.25
assert found["-x"] == [-80, -32, 16]
assert found["x * 1"] == found["x + 0"] == [1, 0, 0]
assert found["x + x"] == [2, 1, 0] and found["x * x"] == [1, 0, 0]
assert (found["x.sum()"], found["x.max()"], found["np.dot(x, x)"]) == (1, 1, 1)
PY
