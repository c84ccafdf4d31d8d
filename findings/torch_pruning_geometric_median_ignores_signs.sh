#!/bin/sh
# torch-pruning: pruning by the geometric median compares squares of weights: a filter and its negative are the same.
#
# What it does: `FPGMImportance` measures distances between the weights' sizes to the power `p`, 2 by default. So no sign
# matters at all, whatever `p` is: random signs for all weights leave every importance as it was.
# One would guess: the sum of a filter's Euclidean distances to all others, as in the paper that the class names.
# Who is hurt: whoever prunes with it: other filters go than the method would choose. The few that respond to the opposite
# of what all others respond to, which the method is there to keep, are taken for copies and go like the rest.
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
conv = torch.nn.Conv2d(16, 64, 3, bias=False)
network = torch.nn.Sequential(conv, torch.nn.ReLU(), torch.nn.Conv2d(64, 8, 1, bias=False))

def importances(weight, power=2):
    conv.weight.data = weight.reshape(conv.weight.shape)
    graph = torch_pruning.DependencyGraph().build_dependency(network, torch.ones(1, 16, 8, 8))
    group = graph.get_pruning_group(conv, torch_pruning.prune_conv_out_channels, idxs=list(range(64)))
    return torch_pruning.importance.FPGMImportance(p=power, group_reduction="first", normalizer=None)(group)

def distances(filters):
    return torch.cdist(filters, filters, compute_mode="donot_use_mm_for_euclid_dist").sum(0)

filters = torch.randn(64, 144)
filters[1] = -filters[0]
signs = torch.randn(64, 144).sign()
for power in (2, 1):
    found, turned = importances(filters, power), importances(filters * signs, power)
    change = (turned / found - 1).abs().max().item()
    print(f"p={power}: importance of a filter {found[0]:.3f}, of its negative {found[1]:.3f};",
          f"random signs for all weights change the importances by {change:.1e} at the most")
    assert change < 1e-4
change = (distances(filters * signs) / distances(filters) - 1).abs().max().item()
print(f"random signs change the sums of distances by up to {change:.1e}")
assert torch.allclose(importances(filters), distances(filters.square()), rtol=1e-3) and change > 1e-3

alike = torch.randn(1, 144) + 0.7 * torch.randn(64, 144)
alike[:8] *= -1
pruned = importances(alike).argsort()[:32], distances(alike).argsort()[:32]
opposite = [(chosen < 8).sum().item() for chosen in pruned]
print(f"56 filters look for about the same and 8 for its opposite; {opposite[0]} of those are among the 32 to be pruned,",
      f"by the distances of the filters {opposite[1]}")
assert opposite[0] >= 2 and opposite[1] == 0
PY
