#!/bin/sh
# AIHWKit: `convert_to_digital` of a drifted network keeps the drift and drops the drift compensation.
#
# What it does: the digital layer gets the drifted weights as they lie in the tile. The factor by which the analog
# layer multiplies its outputs in evaluation (global drift compensation, on by default) is left behind.
# One would guess: the digital copy computes what the analog network computes in evaluation, or has the trained weights.
# Who is hurt: whoever exports a deployed network (ONNX, a profiler, a colleague): after days its outputs are smaller by
# a factor that differs from layer to layer, which looks like a far worse chip.
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
from aihwkit.nn import AnalogLinear, AnalogSequential
from aihwkit.nn.conversion import convert_to_digital
from aihwkit.simulator.configs import TorchInferenceRPUConfig

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)
torch.manual_seed(0)
config = TorchInferenceRPUConfig()
config.forward.is_perfect = True
layer = AnalogLinear(64, 64, bias=False, rpu_config=config)
weights = torch.linspace(-1, 1, 4096).reshape(64, 64)
layer.set_weights(weights)
analog = AnalogSequential(layer).eval()
analog.drift_analog_weights(30 * 86400.0)
digital = convert_to_digital(analog).eval()
x = torch.randn(500, 64)
with torch.no_grad():
    exact, ours, copy = x @ weights.T, analog(x), digital(x)

def gain(y):
    return ((y * exact).sum() / (exact * exact).sum()).item()

def error(y):
    return ((y - exact).norm() / exact.norm()).item()

alpha = float(next(analog.analog_tiles()).alpha)
print(f"after 30 days: compensation {alpha:.2f}; analog: gain {gain(ours):.2f}, error {error(ours):.0%};",
      f"its digital copy: gain {gain(copy):.2f}, error {error(copy):.0%}")
assert alpha > 1.3 and torch.allclose(copy * alpha, ours, atol=1e-3), "the copy lacks exactly the compensation"
assert error(copy) > 2 * error(ours)
PY
