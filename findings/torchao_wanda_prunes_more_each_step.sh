#!/bin/sh
# torchao: `WandaSparsifier(0.5)` prunes half of the weights in its first step and more in each step after it.
#
# What it does: a step takes the half of the weights with the smallest products of weight and input norm and sets their masks
# to 0; no mask is set back to 1. When training has moved the weights, or other inputs the norms, another half is taken and the
# two add up: more than 60 % of the weights after ten epochs with a step each, and about half of the 2:4 blocks keep fewer than two.
# The sparsifier by weights alone (`WeightNormSparsifier`), with the same interface, stays at its level.
# One would guess: the level is the level, at any number of steps, as steps are there to be repeated during training.
# Who is hurt: whoever steps once per epoch or batch: accuracy falls with the number of steps, tables list 50 %, and what is
# counted in cells for 2:4 storage is wrong.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6
pip install --quiet --no-compile --no-deps torchao==0.18.0
python -W ignore - 2> said.txt <<'PY' || { cat said.txt; exit 1; }
from importlib.metadata import version
import torch
from torchao.prototype.sparsity.sparsifier.weight_norm_sparsifier import WeightNormSparsifier
from torchao.sparsity import WandaSparsifier

print("torchao", version("torchao"), "torch", torch.__version__)
makers = {
    "Wanda, 50 %": lambda: WandaSparsifier(sparsity_level=0.5),
    "Wanda, 2:4": lambda: WandaSparsifier(sparsity_level=0.5, semi_structured_block_size=4),
    "by weights, 50 %": lambda: WeightNormSparsifier(sparsity_level=0.5, sparse_block_shape=(1, 1)),
}
gone, kept = {}, {}
for name, maker in makers.items():
    torch.manual_seed(0)
    network, teacher = torch.nn.Sequential(torch.nn.Linear(64, 64)), torch.nn.Linear(64, 64)
    sparsifier, optimizer = maker(), torch.optim.Adam(network.parameters(), lr=0.01)
    sparsifier.prepare(network, [{"tensor_fqn": "0.weight"}])
    gone[name] = []
    for epoch in range(10):
        for batch in range(50):
            x = torch.randn(32, 64)
            optimizer.zero_grad()
            (network(x) - teacher(x).detach()).square().mean().backward()
            optimizer.step()
        sparsifier.step()
        gone[name].append((network[0].weight == 0).float().mean().item())
    sparsifier.squash_mask()
    kept[name] = (network[0].weight.detach().reshape(-1, 4) != 0).sum(1)
    print(f"{name:17s} zeros after 1, 2, 5, 10 epochs:", *(f"{100 * gone[name][i]:.1f} %" for i in (0, 1, 4, 9)))
print("2:4 blocks with two weights left:", f"{(kept['Wanda, 2:4'] == 2).float().mean():.2f}")
assert all(abs(gone[name][0] - 0.5) < 1e-6 for name in makers) and abs(gone["by weights, 50 %"][-1] - 0.5) < 1e-6
assert gone["Wanda, 50 %"][-1] > 0.6 and gone["Wanda, 2:4"][-1] > 0.6 and (kept["Wanda, 2:4"] == 2).float().mean() < 0.7
PY
