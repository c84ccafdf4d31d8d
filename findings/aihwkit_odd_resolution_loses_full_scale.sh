#!/bin/sh
# AIHWKit: a converter with an odd number of steps, such as 2^n - 1, cannot output its own full scale.
#
# What it does: codes are whole multiples of the step, counted from 0. `inp_res = 1 / 15` has the 15 codes 0, +-1 .. +-7 of
# 2/15: the largest is 0.933, although inputs up to 1 are taken. `2^n - 2` steps (the package's own habit) reach +-1.
# One would guess: four bits as 1 / (2^4 - 1) are 16 levels from -1 to 1.
# Who is hurt: whoever sweeps the bits of a DAC or ADC: with noise management the largest input is always at full scale,
# so a 4-bit converter scales the peaks down by 7 %, a 3-bit one by 14 %, on top of the rounding.
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
from aihwkit.nn import AnalogLinear
from aihwkit.simulator.configs import TorchInferenceRPUConfig
from aihwkit.simulator.parameters.enums import NoiseManagementType

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)

def converter(steps, noise_management):
    config = TorchInferenceRPUConfig()
    config.forward.inp_res = 1 / steps
    config.forward.out_res = -1
    config.forward.out_noise = 0.0
    config.forward.noise_management = noise_management
    wire = AnalogLinear(1, 1, bias=False, rpu_config=config)
    wire.set_weights(torch.ones(1, 1))
    return wire.eval()

found = {}
with torch.no_grad():
    for steps in (14, 15, 16, 6, 7):
        codes = converter(steps, NoiseManagementType.NONE)(torch.linspace(-1, 1, 4001)[:, None]).unique().numel()
        full = converter(steps, NoiseManagementType.ABS_MAX)(torch.ones(1, 1)).item()
        found[steps] = (codes, full)
        print(f"inp_res 1/{steps}: {codes} codes; an input of full scale comes out as {full:.3f}")
assert found[15][0] == 15 and abs(found[15][1] - 14 / 15) < 1e-3 and abs(found[7][1] - 6 / 7) < 1e-3
assert found[14] == (15, 1.0)
PY
