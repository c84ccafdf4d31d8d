#!/bin/sh
# torch-pruning: making a pruner puts the whole network into evaluation mode and leaves it there.
#
# What it does: the pruner traces the network with `model.eval()` and does not restore the mode. A network in training goes
# on with its batch norm frozen and its dropout off. `pruner.step()` alone changes no mode, and `count_ops_and_params`
# works on a copy.
# One would guess: looking at a network's graph leaves it as it was.
# Who is hurt: whoever prunes within a training loop, after `model.train()`: the epoch that should repair the pruned network
# keeps the batch statistics of the unpruned one, and nothing tells. Call `model.train()` after making the pruner.
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
torch.manual_seed(0)
images = torch.rand(8, 1, 6, 6)
network = torch.nn.Sequential(
    torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Flatten(), torch.nn.Linear(128, 3)
)

def state(when):
    before = network[1].running_mean.clone()
    network(images)
    learns = not torch.equal(before, network[1].running_mean)
    same = torch.equal(network(images), network(images))
    print(f"{when}: training mode {network.training}; batch norm follows the batches {learns}; dropout drops {not same}")
    return network.training, learns, not same

def pruner():
    return torch_pruning.pruner.MagnitudePruner(
        network, images, importance=torch_pruning.importance.MagnitudeImportance(), pruning_ratio=0.5, ignored_layers=[network[5]]
    )

network.train()
torch_pruning.utils.count_ops_and_params(network, images)
counted = state("after counting operations")
made = pruner()
after = state("after making a pruner")
network.train()
made.step()
stepped = state("after train() and a step")
assert counted == stepped == (True,) * 3 and after == (False,) * 3 and network[0].out_channels == 4
PY
