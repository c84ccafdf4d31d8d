#!/bin/sh
# NeuroBench and torch's pruning: for a pruned layer the number of synaptic operations is a sum of its weights, or 0.
#
# What it does: it counts by sending ones through a copy of the layer whose weights are set to ones. A layer pruned by
# `torch.nn.utils.prune` makes its weights anew before each forward pass, from the original ones and the mask, so the copy adds up
# real weights: the "operations" are a fraction, also the dense ones, and may be negative. Outside `torch.no_grad()` the copy
# fails, the failure is printed unless `quiet=True`, and the result is 0. The connection sparsity beside it is right.
# One would guess: half of the weights pruned is half of the operations, as after `prune.remove`; or an error.
# Who is hurt: whoever compares energy before `prune.remove`, for instance in the midst of gradual pruning: operations fall to
# almost nothing, and pruning looks a hundred times better than it is.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 tqdm==4.70.1
pip install --quiet --no-compile --no-deps neurobench==2.3.0 snntorch==1.0.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from torch.nn.utils import prune
from torch.utils.data import DataLoader, TensorDataset
from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity
from neurobench.metrics.workload import SynapticOperations
from neurobench.models import TorchModel

print("neurobench", version("neurobench"), "snntorch", version("snntorch"), "torch", torch.__version__)
torch.manual_seed(0)
loader = DataLoader(TensorDataset(torch.rand(64, 100), torch.zeros(64)), batch_size=32)
found = {}
for how in ("not pruned", "pruned", "pruned, negative weights", "pruned, with gradients", "pruned and removed"):
    layer = torch.nn.Linear(100, 40)
    if "negative" in how:
        layer.weight.data.abs_().neg_()
    if how != "not pruned":
        prune.l1_unstructured(layer, "weight", 0.5)
    if "removed" in how:
        prune.remove(layer, "weight")
    with torch.set_grad_enabled("gradients" in how):
        benchmark = Benchmark(TorchModel(torch.nn.Sequential(layer)), loader, [], [], [[ConnectionSparsity], [SynapticOperations]])
        result = benchmark.run(quiet=True)
    found[how] = result["SynapticOperations"]
    print(f"{how}: connection sparsity {result['ConnectionSparsity']}, operations {found[how]}")
    assert result["ConnectionSparsity"] == (0 if how == "not pruned" else 0.5)
assert found["not pruned"] == {"Effective_MACs": 4000, "Effective_ACs": 0, "Dense": 4000}
assert found["pruned and removed"] == {"Effective_MACs": 2000, "Effective_ACs": 0, "Dense": 4000}
assert abs(found["pruned"]["Effective_MACs"]) < 100 and abs(found["pruned"]["Dense"]) < 100
assert found["pruned, negative weights"]["Effective_MACs"] < 0 and not any(found["pruned, with gradients"].values())
PY
