#!/bin/sh
# PyTorchFI: declaring the next fault takes the neuron faults out of all networks that were made before.
#
# What it does: `declare_neuron_fi` returns a faulty copy of the network, and its faults are hooks of which the injector keeps
# a list. The next declaration, also of a weight fault, removes them all: of ten faulty networks from one injector the last is
# faulty and nine are clean. Weight faults are written into the copy and stay. No message.
# One would guess: each returned network keeps its own fault, as it does with `declare_weight_fi`.
# Who is hurt: whoever draws the faulty networks first and tests them after, or keeps one for comparison: the accuracy under
# faults is nearly that of the clean network, and the better the more draws were made.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6
pip install --quiet --no-compile --no-deps pytorchfi==0.6.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from pytorchfi.core import fault_injection

print("pytorchfi", version("pytorchfi"), "torch", torch.__version__)
torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 2, 3)).eval()
images = torch.rand(2, 1, 8, 8)
clean = network(images)
injector = fault_injection(network, 2, input_shape=[1, 8, 8], use_cuda=False)
place = dict(layer_num=[0], dim2=[1], dim3=[1], value=[100.0])

def neuron(channel):
    return injector.declare_neuron_fi(batch=[0], dim1=[channel], **place)

def weight(channel):
    return injector.declare_weight_fi(k=[channel], dim1=[0], **place)

def faulty(networks):
    with torch.no_grad():
        return [not torch.equal(each(images), clean) for each in networks]

at_once = [faulty([neuron(channel)])[0] for channel in range(4)]
kept_neurons = faulty([neuron(channel) for channel in range(4)])
kept_weights = faulty([weight(channel) for channel in range(4)])
mixed = faulty([neuron(0), weight(0)])
print("faulty, four networks with a neuron fault, each tested before the next is made:", at_once)
print("the four tested after all were made:", kept_neurons)
print("the same with weight faults:", kept_weights)
print("a neuron fault, then a weight fault:", mixed)
assert all(at_once) and all(kept_weights)
assert kept_neurons == [False, False, False, True] and mixed == [False, True]
PY
