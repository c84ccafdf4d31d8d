#!/bin/sh
# AIHWKit, pure torch tiles: with weights scaled to the tile (`weight_scaling_omega = 1`) SGD moves the layer's weights as
# in a digital layer, Adam moves them by its step times the scale.
#
# What it does: the gradient is divided by the square of the mapping scale, so that SGD comes out right. Adam divides the
# gradient's size away, so its step of `lr` is one of the scaled weights: times 0.1 in a layer whose largest weight is 0.1.
# One would guess: what is done for SGD holds for all optimisers, and a learning rate carries over from digital training.
# Who is hurt: whoever fine-tunes with Adam or AdamW: each layer learns at a rate of its own, set by its largest weight,
# and AIHWKit's default (no scaling) behaves otherwise again.
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

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)
torch.manual_seed(0)
weights, x = 0.1 * torch.linspace(-1, 1, 1024).reshape(32, 32), torch.randn(8, 32)
step = {}
for omega in (0.0, 1.0):
    for optimizer in (torch.optim.SGD, torch.optim.Adam):
        config = TorchInferenceRPUConfig()
        config.forward.is_perfect = True
        config.mapping.weight_scaling_omega = omega
        layer = AnalogLinear(32, 32, bias=False, rpu_config=config)
        layer.set_weights(weights)
        stepper = optimizer(layer.parameters(), lr=1e-3)
        layer(x).square().sum().backward()
        stepper.step()
        step[optimizer.__name__, omega] = (layer.get_weights()[0] - weights).abs().median().item()
for name in ("SGD", "Adam"):
    print(f"{name}, lr 1e-3: median step of a weight without scaling {step[name, 0.0]:.2e}, with scaling {step[name, 1.0]:.2e}")
assert abs(step["SGD", 1.0] / step["SGD", 0.0] - 1) < 0.01 and abs(step["Adam", 1.0] / step["Adam", 0.0] - 0.1) < 0.01
PY
