#!/bin/sh
# NeuroBench: accuracy, error and sparsity are sums over the samples seen, divided by the number of samples in the data set.
#
# What it does: each batch's mean is weighed by its size over `len(dataloader.dataset)`. A loader that leaves samples out
# (`drop_last=True`, a sampler for a tenth of the data) makes every result smaller by that share, and one that draws with
# replacement makes it larger, up to an accuracy of 2. Synaptic operations, in the same report, are per sample seen.
# One would guess: a mean over the samples that were run.
# Who is hurt: whoever validates on a part: a perfect network has an accuracy of 0.1. For errors it is worse, as the
# wrong number looks good: on a tenth of the data the mean squared error is a tenth, and a
# network whose activations are zeros for the most part looks dense.
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
from torch.utils.data import DataLoader, RandomSampler, SubsetRandomSampler, TensorDataset
from neurobench.benchmarks import Benchmark
from neurobench.metrics.workload import MSE, ActivationSparsity, ClassificationAccuracy, SynapticOperations
from neurobench.models import TorchModel

print("neurobench", version("neurobench"), "snntorch", version("snntorch"), "torch", torch.__version__)
torch.manual_seed(0)
labels = torch.arange(1000) % 10
x = torch.randn(1000, 10).clamp(max=3) + 10 * torch.nn.functional.one_hot(labels)
loaders = {
    "all of 1000 samples": {"batch_size": 250},
    "batches of 640, drop_last": {"batch_size": 640, "drop_last": True},
    "a sampler with 100 samples": {"batch_size": 50, "sampler": SubsetRandomSampler(range(100))},
    "2000 draws with replacement": {"batch_size": 250, "sampler": RandomSampler(labels, replacement=True, num_samples=2000)},
}
network = torch.nn.Sequential(torch.nn.Linear(10, 10, bias=False), torch.nn.ReLU())
torch.nn.init.eye_(network[0].weight)
results = {}
for name, how in loaders.items():
    counted = DataLoader(TensorDataset(x, labels), **how)
    metrics = [[], [ClassificationAccuracy, ActivationSparsity, SynapticOperations]]
    result = Benchmark(TorchModel(network), counted, [], [lambda y: y.argmax(1)], metrics).run(quiet=True)
    measured = DataLoader(TensorDataset(x, torch.relu(x) + 1), **how)
    result["MSE"] = Benchmark(TorchModel(network), measured, [], [], [[], [MSE]]).run(quiet=True)["MSE"]
    results[name] = [result[key] for key in ("ClassificationAccuracy", "MSE", "ActivationSparsity")]
    results[name].append(result["SynapticOperations"]["Dense"])
    print(f"{name}: accuracy {results[name][0]:.3f}, MSE {results[name][1]:.3f}, sparsity {results[name][2]:.3f}, operations {results[name][3]:.0f}")
shares = dict(zip(loaders, (1, 0.64, 0.1, 2)))
assert all(abs(results[name][i] - share) < 1e-4 for name, share in shares.items() for i in (0, 1))
assert all(abs(results[name][2] - 0.45 * share) < 0.05 * share and results[name][3] == 100 for name, share in shares.items())
PY
