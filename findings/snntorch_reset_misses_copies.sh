#!/bin/sh
# snnTorch: `utils.reset(net)` resets the neurons of every network in the process, but not those of a copied network.
#
# What it does: it looks in `net` for the classes of neurons only. Then it resets all neurons of these classes that were
# ever constructed, by a list that `__init__` fills. A copy by `copy.deepcopy` was not constructed and is not in it: it
# keeps its membrane potentials.
# One would guess: the neurons within `net` are reset, and no others.
# Who is hurt: whoever copies a network, to prune it or to map it onto a chip: each batch starts with the potentials of the
# one before, and the copy looks worse or better than the original. Resetting one of two networks that run side by side
# wipes the other.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6
pip install --quiet --no-compile --no-deps snntorch==1.0.0
python -W ignore - <<'PY'
import copy
from importlib.metadata import version
import torch
import snntorch
from snntorch import utils

print("snntorch", version("snntorch"), "torch", torch.__version__)

def potential(network):
    return network[0].mem.abs().max().item()

def network():
    return torch.nn.Sequential(snntorch.Leaky(beta=0.9, init_hidden=True))

first, second = network(), network()
every = {"first": first, "second": second, "copy of first": copy.deepcopy(first)}

def potentials(when):
    found = [potential(net) for net in every.values()]
    print(f"potentials {when}:", dict(zip(every, found)))
    return found

for net in every.values():
    net(torch.full((1, 2), 0.5))
before = potentials("after one step")
utils.reset(first)
other = potentials("after reset(first)")
utils.reset(every["copy of first"])
own = potentials("after reset(copy of first)")
every["copy of first"][0].reset_mem()
layer = potentials("after the reset_mem() of the copy's layer")
assert before == [0.5] * 3 and other == own == [0, 0, 0.5] and layer == [0] * 3
PY
