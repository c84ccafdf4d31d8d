#!/bin/sh
# Quanto: quantising to four or two bits turns pruned weights into small ones.
#
# What it does: `qint4` and `qint2` spread their levels from the smallest to the largest weight of each group, and zero is
# a level only by chance. Of a layer with 80 % zeros, 2 % of the weights are still zero after `quantize`, all in a row without
# any weight; the others are off by up to half a step, all those of a group to the same side. `qint8` is symmetric and keeps them.
# One would guess: zero stays zero, as with a zero point that is rounded to a level.
# Who is hurt: whoever prunes and then quantises: the devices that were saved are back, a count of zeros gives no sparsity, and
# each output gets a sum of many equal errors.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 safetensors==0.8.0 huggingface_hub==2.4.0 ninja==1.13.2
pip install --quiet --no-compile --no-deps optimum-quanto==0.2.7
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from optimum.quanto import freeze, qint2, qint4, qint8, quantize
from torch.nn.utils import prune

print("optimum-quanto", version("optimum-quanto"), "torch", torch.__version__)
zeros = {}
for kind in (qint8, qint4, qint2):
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 64)
    with torch.no_grad():
        layer.weight[5] = 0
    prune.l1_unstructured(layer, "weight", amount=0.8)
    prune.remove(layer, "weight")
    before = layer.weight.detach().clone()
    pruned = before == 0
    network = torch.nn.Sequential(layer)
    quantize(network, weights=kind)
    freeze(network)
    after = network[0].weight.dequantize().detach()
    zeros[kind.name] = pruned.float().mean().item(), (after == 0).float().mean().item()
    sides = after[pruned.any(1) & before.any(1)].where(pruned[pruned.any(1) & before.any(1)], 0).sign()
    same = ((sides >= 0).all(1) | (sides <= 0).all(1)).float().mean().item()
    print(f"{kind.name}: zeros before {zeros[kind.name][0]:.1%}, after {zeros[kind.name][1]:.1%};",
          f"pruned weights are now up to {after[pruned].abs().max():.3f}, kept ones were at least {before[~pruned].abs().min():.3f};",
          f"rows in which all go to one side: {same:.0%}")
    assert same == 1
assert zeros["qint8"][1] >= zeros["qint8"][0] > 0.79
assert zeros["qint4"][1] < 0.02 and zeros["qint2"][1] < 0.02
PY
