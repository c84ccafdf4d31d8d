#!/bin/sh
# torch.nn.utils.prune: pruning on after `load_state_dict`, or after an optimiser's step, chooses by the weights from before.
#
# What it does: a pruned layer keeps `weight_orig` and `weight_mask`; `layer.weight` is their product as it was at the last
# forward pass. Loading fills the two and leaves `weight`, by which `l1_unstructured` and `global_unstructured` choose what
# to remove. In a layer that was made for loading it is random. One forward pass puts it right, `prune.remove` does too.
# One would guess: `layer.weight` is what is in the state, and what has the smallest magnitude now is removed.
# Who is hurt: whoever prunes step by step and resumes from a checkpoint: the next step removes large weights at random, and
# the accuracy at this sparsity looks far worse. And whoever maps `layer.weight` onto a crossbar right after loading: the
# conductances are those of the initialisation.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6
python -W ignore - <<'PY'
import torch
from torch import nn
from torch.nn.utils import prune

print("torch", torch.__version__)

def pruned(seed):
    torch.manual_seed(seed)
    layer = nn.Linear(64, 64)
    prune.l1_unstructured(layer, "weight", amount=0.5)
    return layer

def prune_on(layer, how):
    """Prune half of what is left; the share of the removed weights that are indeed among the smaller half."""
    true = (layer.weight_orig * layer.weight_mask).detach().abs()
    left = layer.weight_mask.bool()
    if how == "layer":
        prune.l1_unstructured(layer, "weight", amount=0.5)
    else:
        prune.global_unstructured([(layer, "weight")], pruning_method=prune.L1Unstructured, amount=0.5)
    removed = left & ~layer.weight_mask.bool()
    return (true[removed] <= true[left].median()).float().mean().item()

trained, share = pruned(0), {}
for how in ("layer", "global"):
    for forward in (False, True):
        resumed = pruned(1)
        resumed.load_state_dict(trained.state_dict())
        if forward:
            with torch.no_grad():
                resumed(torch.zeros(1, 64))
        same = torch.equal(resumed.weight, trained.weight)
        share[how, forward] = prune_on(resumed, how)
        print(f"loaded, forward pass {forward}: `weight` is the loaded one {same}; pruned on, {how}: small are {share[how, forward]:.0%}")
        assert same is forward
stepped = pruned(2)
optimizer = torch.optim.SGD(stepped.parameters(), lr=0.1)
stepped(torch.randn(32, 64)).square().mean().backward()
optimizer.step()
after_step = torch.equal(stepped.weight, stepped.weight_orig * stepped.weight_mask)
print(f"after a step of SGD, `weight` is the product of the two {after_step}")
assert not after_step
for how in ("layer", "global"):
    assert share[how, True] > 0.99 and 0.3 < share[how, False] < 0.7
PY
