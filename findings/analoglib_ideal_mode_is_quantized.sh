#!/bin/sh
# analoglib: mode "ideal" computes with quantised devices, programming errors included.
#
# What it does: levels and programming errors are applied when the model is compiled, for all modes; "ideal" only leaves
# out read noise and converters. Two compilations of one model give two "ideal" outputs.
# One would guess: "ideal" is the exact product (so say its docstrings: no noise, no quantisation), the baseline to compare to.
# Who is hurt: whoever reports hardware against ideal: the larger part of the device error is in both and cancels.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile analoglib==0.1.0 numpy==2.4.6
python -W ignore - <<'PY'
import analoglib, numpy as np

print("analoglib", analoglib.__version__, "numpy", np.__version__)
rng = np.random.default_rng(0)
weights, x = rng.standard_normal((64, 8)), rng.uniform(0, 1, 64)
error = {}
for name, device in (("no levels", dict(num_states=0)), ("4 levels", dict(num_states=4)), ("error 10 %", dict(programming_error_sigma=0.1))):
    model = analoglib.AnalogModel.from_numpy([weights])
    model.compile(device=analoglib.ReRAM(**device))
    got = model.simulate(x, mode="ideal").output * np.abs(weights).max() / (100e-6 - 1e-6)
    error[name] = np.linalg.norm(got - x @ weights) / np.linalg.norm(x @ weights)
    print(f"ReRAM with {name}: error of mode 'ideal' against x @ W {error[name]:.1e}")
assert error["no levels"] < 1e-9 and error["4 levels"] > 0.05 and error["error 10 %"] > 0.05
PY
