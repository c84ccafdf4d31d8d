#!/bin/sh
# torch-pruning: Hessian importance, accumulated over a data set as documented, is that of its last sample.
#
# What it does: `accumulate_grad` asks whether it has seen a parameter by its name and stores it by the parameter itself,
# so each call replaces all calls before. After 1000 samples the importance is that of sample 1000, and channels that
# were silent for it have an importance of 0.
# One would guess: the mean of the squared gradients over all samples that were given.
# Who is hurt: whoever prunes by second derivatives: the order of the data decides which channels go, and more data do
# not help.
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
network = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
x, y = torch.randn(1000, 16), torch.randint(4, (1000,))

def gradient(sample):
    network.zero_grad()
    torch.nn.functional.cross_entropy(network(x[sample:sample + 1]), y[sample:sample + 1]).backward()

def importance(samples):
    scorer = torch_pruning.importance.HessianImportance(group_reduction="first", normalizer=None)
    scorer.zero_grad()
    for sample in samples:
        gradient(sample)
        scorer.accumulate_grad(network)
    graph = torch_pruning.DependencyGraph().build_dependency(network, torch.ones(1, 16))
    return scorer(graph.get_pruning_group(network[0], torch_pruning.prune_linear_out_channels, idxs=list(range(32))))

mean = torch.zeros(32, 16)
for sample in range(1000):
    gradient(sample)
    mean += network[0].weight.grad**2 / 1000
reference = (network[0].weight.detach()**2 * mean).sum(1)
every, last, backward = importance(range(1000)), importance([999]), importance(range(999, -1, -1))
first = importance([0])
print("1000 samples, equal to the last one alone:", torch.equal(every, last), "; in reverse order, equal to the first:",
      torch.equal(backward, first))
for name, found in (("as given", every), ("in reverse order", backward)):
    shared = set(found.argsort()[:8].tolist()) & set(reference.argsort()[:8].tolist())
    print(f"data {name}: {(found == 0).sum()} of 32 channels have an importance of 0; of the 8 least important",
          f"by the mean over all samples {len(shared)} are found")
print(f"by the mean {(reference == 0).sum()} channels have an importance of 0")
assert torch.equal(every, last) and torch.equal(backward, first) and not torch.equal(every, backward)
assert (every == 0).sum() > 5 and (reference == 0).sum() == 0
PY
