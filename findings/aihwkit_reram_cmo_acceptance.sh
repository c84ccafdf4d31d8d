#!/bin/sh
# AIHWKit, `ReRamCMONoiseModel`: an acceptance range of 2 % is written 2; 0.02, and the default itself, give 0.2 %.
#
# What it does: its table has the keys 0.2 and 2 (percent). The default of `acceptance_range` is 2e-2, which is no key, and
# what is no key silently becomes the smallest one. So 0.02, 5 and the default all program as 0.2 % does.
# One would guess: the default, 2e-2, is 2 %; and a range without a fit raises.
# Who is hurt: whoever takes the default or writes a fraction: programming noise comes out ten times too small.
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
from aihwkit.inference import ReRamCMONoiseModel

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)
torch.manual_seed(0)
weights = 2 * torch.rand(400, 400) - 1
noise = {}
for given in ("default", 2, 0.2, 0.02, 5):
    model = ReRamCMONoiseModel() if given == "default" else ReRamCMONoiseModel(acceptance_range=given)
    noise[given] = (model.apply_programming_noise(weights)[0] - weights).std().item()
    print(f"acceptance_range {given!s:>7}: used {model.acceptance_range}, programming noise {noise[given]:.4f} of the largest weight")
assert noise[2] / noise["default"] > 8 and abs(noise["default"] / noise[0.2] - 1) < 0.05
PY
