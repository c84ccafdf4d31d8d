#!/bin/sh
# analoglib: a model that is compiled with stuck devices and device variation simulates as if there were none.
#
# What it does: `compile` programs the crossbars without their variation, so `stuck_at_fault_rate` and
# `d2d_variation_sigma` of the device have no effect in any mode; read noise and programming error have.
# One would guess: mode "device" (and "hardware") contains what the device was given.
# Who is hurt: whoever sweeps fault rates through the model interface: the accuracy does not move at 90 % stuck devices.
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

def run(**faults):
    model = analoglib.AnalogModel.from_numpy([weights])
    model.compile(device=analoglib.ReRAM(**faults))
    return model.simulate(x, mode="hardware").output

clean = run()
change = {}
faults = dict(stuck_at_fault_rate=0.9, d2d_variation_sigma=0.5, programming_error_sigma=0.05, read_noise_sigma=0.05)
for name, size in faults.items():
    change[name] = np.linalg.norm(run(**{name: size}) - clean) / np.linalg.norm(clean)
    print(f"{name} = {size} changes the outputs by {change[name]:.1%}")
assert change["stuck_at_fault_rate"] == 0 == change["d2d_variation_sigma"]
assert change["read_noise_sigma"] > 0.01 and change["programming_error_sigma"] > 0.01
PY
