#!/bin/sh
# Rockpool: rounding that maintains zero moves every zero by half a step.
#
# What it does: `deterministic_rounding` and `stochastic_rounding` lay `num_levels` levels from -max to max. With an even
# number, such as the default of 256, zero lies midway between two. With 256, zeros become -0.4 % of the largest weight, with
# four bits -7 %, with two bits +33 %; stochastic rounding draws a sign for each. Odd numbers of levels keep zero.
# One would guess: 0, since `maintain_zero` is on by default and the documentation says that zeros map to zero.
# Who is hurt: whoever trains or deploys with 2^n levels: pruned weights and missing synapses are weights, and all of them have
# the same sign, so that a neuron with many gets a bias.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1
pip install --quiet --no-compile --no-deps rockpool==3.1.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from rockpool.transform.torch_transform import deterministic_rounding, stochastic_rounding

print("rockpool", version("rockpool"), "torch", torch.__version__)
torch.manual_seed(0)
weights = torch.cat([torch.tensor([-1.0, 1.0]), torch.zeros(1000)])
zero = {}
for levels in (256, 16, 4, 255, 15, 3):
    rounded = deterministic_rounding(weights, num_levels=levels, maintain_zero=True)[2:]
    drawn = stochastic_rounding(weights, num_levels=levels, maintain_zero=True)[2:]
    zero[levels] = rounded.unique().tolist(), drawn.unique().tolist()
    print(f"{levels} levels: a zero becomes {rounded[0]:.4f}, with stochastic rounding {[round(z, 4) for z in zero[levels][1]]}")
print("default:", deterministic_rounding(weights)[2].item())
for levels in (256, 16, 4):
    ((moved,), drawn) = zero[levels]
    assert abs(abs(moved) - 1 / (levels - 1)) < 1e-6 and len(drawn) == 2 and drawn[0] < 0 < drawn[1]
for levels in (255, 15, 3):
    assert all(abs(value) < 1e-6 for value in zero[levels][0] + zero[levels][1])
assert abs(deterministic_rounding(weights)[2].item() + 1 / 255) < 1e-6
PY
