#!/bin/sh
# AIHWKit: with an optimiser of torch's own an analog layer trains, but weight clipping (and remapping) never happens;
# and a `fixed_value` of the clipping is a fraction of the tile's range, not a weight.
#
# What it does: pure torch tiles hand ordinary parameters to any optimiser. Clipping is done by the step of `AnalogSGD`
# and its kin alone; nothing warns. Where it is done, and weights are scaled to the range of the tile
# (`weight_scaling_omega = 1`), a fixed value of 0.5 clips at half the largest weight of the layer.
# One would guess: `config.clip` holds for training however the step is made, and 0.5 means |w| <= 0.5.
# Who is hurt: whoever constrains weights in training (so that devices stay low) with Adam from torch.optim.
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
from aihwkit.optim import AnalogSGD
from aihwkit.simulator.configs import TorchInferenceRPUConfig
from aihwkit.simulator.parameters import WeightClipParameter, WeightClipType

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)
torch.manual_seed(0)
weights, x = torch.randn(32, 32), torch.randn(8, 32)
largest = weights.abs().max().item()

def after_a_step(make_optimizer):
    config = TorchInferenceRPUConfig(clip=WeightClipParameter(type=WeightClipType.FIXED_VALUE, fixed_value=0.5))
    config.mapping.weight_scaling_omega = 1.0
    layer = AnalogLinear(32, 32, bias=False, rpu_config=config)
    layer.set_weights(weights)
    net = AnalogSequential(layer)
    optimizer = make_optimizer(net.parameters())
    if hasattr(optimizer, "regroup_param_groups"):
        optimizer.regroup_param_groups(net)
    net(x).square().mean().backward()
    optimizer.step()
    return layer.get_weights()[0].abs().max().item()

plain = after_a_step(lambda parameters: torch.optim.SGD(parameters, lr=1e-6))
own = after_a_step(lambda parameters: AnalogSGD(parameters, lr=1e-6))
print(f"largest |w| {largest:.3f}; after a step with clipping at 0.5: torch.optim.SGD {plain:.3f}, AnalogSGD {own:.3f}")
assert abs(plain - largest) < 1e-3, "torch's optimiser does not clip"
assert abs(own - 0.5 * largest) < 1e-3, "0.5 is half the range"
PY
