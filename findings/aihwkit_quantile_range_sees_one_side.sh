#!/bin/sh
# AIHWKit: an input range that is calibrated by quantiles comes from the positive inputs alone, although it clips on both
# sides; where the inputs are negative it is all but 0, and the layer answers alike to all of them.
#
# What it does: `CACHE_QUANTILE` and `MOVING_QUANTILE` take the quantile of x, not of |x|, and the layer clips to plus and
# minus that. Inputs from -8 to 1 get a range of 1; levels in decibels, from -80 to 0, get one of 0.002 (the moving one
# stays at its start, 3), to which every input is clipped. `MAX` of the same function takes |x| and is right.
# One would guess: the range holds all but 0.005 % of the inputs, on whichever side of 0 they lie.
# Who is hurt: whoever calibrates a layer that reads log spectrograms (keyword spotting), logarithms of probabilities, or
# inputs that are standardised and skewed: nothing warns, and the accuracy lost looks like that of a coarse DAC.
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
from aihwkit.inference.calibration import InputRangeCalibrationType as By, calibrate_input_ranges
from aihwkit.nn import AnalogLinear, AnalogSequential
from aihwkit.simulator.configs import TorchInferenceRPUConfig

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)
torch.manual_seed(0)
weights = torch.randn(8, 32)

def calibrated(x, by):
    config = TorchInferenceRPUConfig()
    config.forward.is_perfect = True
    config.pre_post.input_range.enable = True
    layer = AnalogLinear(32, 8, bias=False, rpu_config=config)
    layer.set_weights(weights)
    net = AnalogSequential(layer).eval()
    calibrate_input_ranges(net, by, iter([((x,), {})]), verbose=False)
    (tile,) = net.analog_tiles()
    with torch.no_grad():
        error = ((net(x) - x @ weights.T).norm() / (x @ weights.T).norm()).item()
        distinct = len(net(x).unique(dim=0))
    return tile.input_range.item(), error, distinct

inputs = {"-8 to 1": 9 * torch.rand(500, 32) - 8, "-80 to 0": -80 * torch.rand(500, 32), "-1 to 8": 9 * torch.rand(500, 32) - 1}
seen = {}
for name, x in inputs.items():
    for by in (By.MAX, By.CACHE_QUANTILE, By.MOVING_QUANTILE):
        seen[name, by] = value, error, distinct = calibrated(x, by)
        print(f"inputs {name}, {by.name}: range {value:.3f}, error of the outputs {error:.1%}, different outputs {distinct} of 500")
assert seen["-1 to 8", By.CACHE_QUANTILE][0] > 7.9 and seen["-1 to 8", By.CACHE_QUANTILE][1] < 0.01
assert all(seen[name, By.MAX][1] < 1e-5 for name in inputs)
for by in (By.CACHE_QUANTILE, By.MOVING_QUANTILE):
    assert 0.99 < seen["-8 to 1", by][0] < 1.01 and seen["-8 to 1", by][1] > 0.5
assert abs(seen["-80 to 0", By.CACHE_QUANTILE][0]) < 0.1 and seen["-80 to 0", By.CACHE_QUANTILE][2] < 10
PY
