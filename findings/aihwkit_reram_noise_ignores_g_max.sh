#!/bin/sh
# AIHWKit, `ReRamWan2022NoiseModel`: the noise in microsiemens does not follow `g_max`, so a larger range is a quieter chip.
#
# What it does: the fitted noise belongs to devices of 40 uS. The docstring and a comment speak of rescaling it to another
# `g_max`; the reference of 40 is stored under a name that nothing reads, so the factor is always 1.
# One would guess: the noise relative to the largest conductance is that of the published devices at every `g_max`.
# Who is hurt: whoever sets `g_max` to the range of the own devices. 200 uS gives a fifth of the noise, 8 uS five times.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps aihwkit==1.1.0
python -W ignore - <<'PY'
import aihwkit, torch
from aihwkit.inference import ReRamWan2022NoiseModel

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)
torch.manual_seed(0)
weights = torch.full((300, 300), 0.5)
weights[0, 0] = 1.0
relative = {}
for g_max in (8.0, 40.0, 200.0):
    noisy = ReRamWan2022NoiseModel(g_max=g_max).apply_noise(weights, 1.0)
    relative[g_max] = (noisy - weights)[1:].std().item()
    print(f"g_max {g_max:5.0f} uS: noise {relative[g_max]:.4f} of the largest weight = {relative[g_max] * g_max:.2f} uS")
assert abs(relative[40.0] / relative[200.0] - 5) < 0.3, "five times the range, a fifth of the noise"
PY
