#!/bin/sh
# snnTorch: with several target spikes a neuron's second one is lost where another neuron of the batch fired its first.
#
# What it does: `mse_temporal_loss(multi_spike=True)` finds each neuron's first spike and erases it to find the next one.
# It erases those time steps in all neurons of all samples, so the times found later depend on the rest of the batch.
# One would guess: the n-th spike time of a neuron is its own, and the loss of a batch is the mean over its samples.
# Who is hurt: whoever trains for the times of two or more spikes: outputs that hit every target have a loss, the larger
# the batch the larger, and gradients go to wrong time steps. The first spike is right; one neuron alone is right, too.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6
pip install --quiet --no-compile --no-deps snntorch==1.0.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
import snntorch.functional as SF
from snntorch.functional.loss import SpikeTime

print("snntorch", version("snntorch"), "torch", torch.__version__)
torch.manual_seed(0)
steps, samples, neurons, count = 50, 64, 10, 3
spikes = (torch.rand(steps, samples, neurons) < 0.2).float()
own = torch.full((count, samples, neurons), steps - 1.0)
for sample in range(samples):
    for neuron in range(neurons):
        times = spikes[:, sample, neuron].nonzero().flatten()[:count]
        own[:len(times), sample, neuron] = times.float()

times = SpikeTime(target_is_time=True, multi_spike=True)
loss = SF.mse_temporal_loss(target_is_time=True, multi_spike=True)
wrong, value = {}, {}
for batch, group in ((1, 1), (1, neurons), (4, neurons), (16, neurons), (64, neurons)):
    found, losses = [], []
    for sample in range(0, samples, batch):
        for neuron in range(0, neurons, group):
            part = ..., slice(sample, sample + batch), slice(neuron, neuron + group)
            found.append((times(spikes[part], own[part].clone())[0] != own[part]).flatten(1))
            losses.append(loss(spikes[part], own[part].clone()))
    wrong[batch, group] = torch.cat(found, 1).float().mean(1).tolist()
    value[batch, group] = torch.stack(losses).mean().item()
    print(f"{batch} samples of {group} neurons at a time: wrong first spikes {wrong[batch, group][0]:.1%}, second",
          f"{wrong[batch, group][1]:.1%}, third {wrong[batch, group][2]:.1%}; loss of outputs that hit all targets",
          f"{value[batch, group]:.4f}")
assert wrong[1, 1] == [0, 0, 0] and value[1, 1] == 0
assert all(share[0] == 0 for share in wrong.values())
assert 0.2 < wrong[1, 10][1] < wrong[4, 10][1] < wrong[16, 10][1] <= wrong[64, 10][1] and wrong[64, 10][2] > 0.9
assert 0 < value[1, 10] < value[4, 10] < value[16, 10] < value[64, 10]
PY
