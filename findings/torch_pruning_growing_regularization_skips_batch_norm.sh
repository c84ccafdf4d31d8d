#!/bin/sh
# torch-pruning: the growing regularization never reaches the scales of batch norm layers.
#
# What it does: `GrowingRegPruner.regularize` adds the penalty of a batch norm's weights and biases to a copy of some
# elements of the gradient, and the copy is dropped. Convolutions and linear layers in the same group get theirs.
# One would guess: all parameters of a channel are pulled towards zero together, as `GroupNormPruner` does.
# Who is hurt: whoever trains with it before pruning: behind a convolution with batch norm the penalty changes nothing, as
# the norm undoes the smaller weights. The first channels to be pruned are still there, at full size.
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
x = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))
found = {}
for pruner in (torch_pruning.pruner.GrowingRegPruner, torch_pruning.pruner.GroupNormPruner):
    torch.manual_seed(0)
    conv, last = torch.nn.Conv2d(3, 16, 3, bias=False), torch.nn.Conv2d(16, 8, 3)
    norm = torch.nn.BatchNorm2d(16, eps=1e-12)
    torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    torch.nn.init.normal_(norm.bias)
    network = torch.nn.Sequential(conv, norm, torch.nn.ReLU(), last)
    regularizer = pruner(network, x[:1], importance=torch_pruning.importance.GroupMagnitudeImportance(), reg=0.01,
                         ignored_layers=[last])
    network.train()
    parameters = {"convolution": conv.weight, "norm's scale": norm.weight, "norm's offset": norm.bias}
    before = {name: parameter.detach().norm().item() for name, parameter in parameters.items()}
    channels = torch.relu(norm(conv(x))).detach()
    optimizer = torch.optim.SGD(parameters.values(), lr=1)
    for step in range(100):
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        if hasattr(regularizer, "update_reg"):
            regularizer.update_reg()
        regularizer.regularize(network, bias=True)
        optimizer.step()
    found[pruner] = {name: parameter.detach().norm().item() / before[name] for name, parameter in parameters.items()}
    change = (torch.relu(norm(conv(x))).detach() - channels).norm() / channels.norm()
    found[pruner]["channels"] = change.item()
    print(f"100 steps of the penalty of {pruner.__name__} alone:",
          ", ".join(f"{name} times {found[pruner][name]:.3f}" for name in parameters),
          f"; the channels change by {change:.1%}")
growing, group = found.values()
assert growing["convolution"] < 0.5 and growing["norm's scale"] == growing["norm's offset"] == 1
assert growing["channels"] < 1e-3
assert group["convolution"] < 0.7 and group["norm's scale"] < 0.7 and group["channels"] > 0.3
PY
