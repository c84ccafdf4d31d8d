#!/bin/sh
# torchinfo: a linear layer over a sequence counts as over its first element, and `prune.remove` brings the operations of pruned
# weights back.
#
# What it does: the multiplications of a layer that is no convolution are its parameters times the first dimension of its output.
# A `Linear` over 128 tokens, or over 16 x 16 positions, counts like one over a single token; flattened to a batch it counts
# 128 times. Masks of `torch.nn.utils.prune` are taken off, zeros without a mask are not: 90 % pruned is a tenth of the
# operations and, with the same weights after `prune.remove`, all of them.
# One would guess: the same computation has the same number of operations.
# Who is hurt: whoever compares convolutions with transformers or mixers (which look a hundred times cheaper), or networks before
# and after the pruning is made permanent.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6
pip install --quiet --no-compile --no-deps torchinfo==1.8.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
import torchinfo
from torch.nn.utils import prune
from torch.utils.flop_counter import FlopCounterMode

print("torchinfo", version("torchinfo"), "torch", torch.__version__)

def count(network, *shape):
    own = FlopCounterMode(display=False)
    with own:
        network(torch.rand(shape))
    return torchinfo.summary(network, input_data=torch.rand(shape), verbose=0).total_mult_adds, own.get_total_flops() // 2

torch.manual_seed(0)
linear, pointwise = torch.nn.Linear(64, 32, bias=False), torch.nn.Conv1d(64, 32, 1, bias=False)
found = {
    "Linear, 128 rows of a batch": count(linear, 128, 64),
    "Linear, a sequence of 128": count(linear, 1, 128, 64),
    "Linear, 16 x 16 positions": count(linear, 1, 16, 16, 64),
    "Conv1d of width 1, a sequence of 128": count(pointwise, 1, 64, 128),
}
prune.l1_unstructured(linear, "weight", 0.9)
before = linear(torch.ones(1, 64))
found["pruned"] = count(linear, 128, 64)
prune.remove(linear, "weight")
assert torch.equal(linear(torch.ones(1, 64)), before)
found["pruned and removed"] = count(linear, 128, 64)
for name, (theirs, right) in found.items():
    print(f"{name}: torchinfo {theirs}, torch {right}")
one = 64 * 32
assert found == {
    "Linear, 128 rows of a batch": (128 * one, 128 * one),
    "Linear, a sequence of 128": (one, 128 * one),
    "Linear, 16 x 16 positions": (one, 256 * one),
    "Conv1d of width 1, a sequence of 128": (128 * one, 128 * one),
    "pruned": (128 * (one - round(0.9 * one)), 128 * one),
    "pruned and removed": (128 * one, 128 * one),
}
PY
