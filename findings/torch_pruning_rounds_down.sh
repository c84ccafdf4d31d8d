#!/bin/sh
# torch-pruning: `round_to` rounds the channels that stay down, not to the nearest multiple, and where that gives none it
# prunes nothing.
#
# What it does: 60 channels, pruned by 25 %, would be 45; with `round_to=16` they are 32, although 48 is near. 24 channels,
# pruned by 40 %, would be 14; with `round_to=16` all 24 stay: 14 is rounded down to 0, and a layer is never emptied.
# Neither gives a warning.
# One would guess: 48 and 16: the documentation says "the nearest multiple".
# Who is hurt: whoever rounds to the size of a crossbar: some layers lose much more than the ratio and narrow ones nothing
# at all, so the accuracy belongs to another sparsity than the one that was asked for.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6
pip install --quiet --no-compile --no-deps torch-pruning==1.6.1
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
import torch_pruning

print("torch-pruning", version("torch-pruning"), "torch", torch.__version__)

def left(channels, ratio, multiple):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, channels), torch.nn.ReLU(), torch.nn.Linear(channels, 3))
    pruner = torch_pruning.pruner.MagnitudePruner(
        network, torch.ones(1, 4), importance=torch_pruning.importance.MagnitudeImportance(),
        pruning_ratio=ratio, round_to=multiple, ignored_layers=[network[2]],
    )
    pruner.step()
    return network[0].out_features

found = {}
for channels, ratio in ((64, 0.25), (60, 0.25), (31, 0.25), (24, 0.4)):
    found[channels] = left(channels, ratio, None), left(channels, ratio, 16)
    print(f"{channels} channels, {ratio:.0%} pruned: {found[channels][0]} are left; with round_to=16: {found[channels][1]}")
assert found == {64: (48, 48), 60: (45, 32), 31: (23, 16), 24: (14, 24)}
PY
