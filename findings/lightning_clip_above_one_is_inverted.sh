#!/bin/sh
# AIHWKit-Lightning: learnable weight clipping turns over at 1: a layer whose weights all have ranges above 1 is clipped
# at one over the range.
#
# What it does: the clips, one a channel, go through the function that takes a resolution either as a number of steps or as
# its inverse, and tells the two apart by whether all are above 1. So clips of 4 act as 1/4. One channel at or below 1 and
# all act as they should.
# One would guess: a fresh layer, whose clips are the largest weights of its channels, gives the plain product.
# Who is hurt: whoever converts a network with large weights (a first layer on small inputs, one after folding batch norm),
# and whoever trains: when the last channel's clip passes 1 in a step, the layer changes all at once.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps aihwkit-lightning==2.1.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from aihwkit_lightning.nn import AnalogLinear
from aihwkit_lightning.simulator.configs import TorchInferenceRPUConfig, WeightClipType

print("aihwkit-lightning", version("aihwkit-lightning"), "torch", torch.__version__)
torch.manual_seed(0)
weights, x = 2 * torch.rand(8, 32) - 1, torch.eye(32)
weights[:, 0] = 1.0
used = {}
for scale in (0.5, 0.999, 1.001, 2.0, 4.0):
    for one_small in (False, True):
        wanted = scale * weights
        if one_small:
            wanted[7] *= 0.5 / scale
        config = TorchInferenceRPUConfig()
        config.clip.type = WeightClipType.LEARNABLE_PER_CHANNEL
        layer = AnalogLinear(32, 8, bias=False, rpu_config=config)
        layer.set_weights(wanted)
        with torch.no_grad():
            used[scale, one_small] = layer.eval()(x).T[0].abs().max().item()
    print(f"largest weight {scale}: the layer computes with {used[scale, False]:.4f}; with one small channel {used[scale, True]:.4f}")
crossed = {}
for last in (0.999, 1.001):
    with torch.no_grad():
        layer.learnable_weight_clip[0, 7] = last
        crossed[last] = layer(x).T[0].abs().max().item()
    print(f"clips of 4, the last one at {last}: another channel computes with {crossed[last]:.4f}")
assert abs(crossed[0.999] - 4) < 1e-4 and abs(crossed[1.001] - 0.25) < 1e-4
for scale in (2.0, 4.0):
    assert abs(used[scale, False] - 1 / scale) < 1e-4 and abs(used[scale, True] - scale) < 1e-4
assert abs(used[0.5, False] - 0.5) < 1e-4 and abs(used[0.999, False] - 0.999) < 1e-4
PY
