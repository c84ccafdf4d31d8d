#!/bin/sh
# AIHWKit: by default weights go into the tile as they are, so a layer of small weights meets ten times the relative noise.
#
# What it does: `weight_scaling_omega` is 0, which means no scaling. Output noise and ADC steps are fixed in units of the
# tile, where 1 is a full weight. The same layer with all weights divided by 10 has the same absolute noise.
# One would guess: the largest weight of a layer is programmed to the largest conductance (as the noise models of
# programming do), so that a common factor of the weights changes nothing.
# Who is hurt: whoever converts a trained network, whose weights are near 0.05, with the default configuration. With
# `mapping.weight_scaling_omega = 1` the error falls to that of full weights.
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
shape, x = torch.linspace(-1, 1, 4096).reshape(64, 64), torch.randn(500, 64)
error = {}
for omega in (0.0, 1.0):
    for factor in (1.0, 0.1, 0.01):
        config = TorchInferenceRPUConfig()
        config.mapping.weight_scaling_omega = omega
        layer = AnalogLinear(64, 64, bias=False, rpu_config=config)
        layer.set_weights(factor * shape)
        layer.eval()
        with torch.no_grad():
            exact = x @ (factor * shape).T
            error[omega, factor] = ((layer(x) - exact).norm() / exact.norm()).item()
        print(f"weight_scaling_omega {omega:.0f}, largest weight {factor}: error of the output {error[omega, factor]:.1%}")
assert error[0.0, 0.1] > 5 * error[0.0, 1.0] and abs(error[1.0, 0.01] / error[1.0, 1.0] - 1) < 0.2
PY
