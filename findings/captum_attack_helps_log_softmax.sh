#!/bin/sh
# Captum: FGSM and PGD help a network that ends in log_softmax: its accuracy under attack is higher than without.
#
# What it does: without a `loss_func` FGSM and PGD raise -log of the output of the right class. The slope of that is -1 / output: for
# an output below zero the step that should lower the output raises it. Logarithms of probabilities are all below zero; logits are
# for some samples. log of a negative number is NaN, but only its gradient is used, so nothing is said.
# One would guess: the loss of the network rises, or an error for outputs that have no logarithm.
# Who is hurt: whoever reports robustness with the default loss: networks with log_softmax and `nll_loss` look immune, and with
# logits each sample whose right logit is below zero is pushed to the right side.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 matplotlib==3.11.2 tqdm==4.70.1 packaging==26.4
pip install --quiet --no-compile --no-deps captum==0.9.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from captum.robust import FGSM, PGD

print("captum", version("captum"), "torch", torch.__version__)
torch.manual_seed(0)
linear = torch.nn.Linear(20, 4)
images = torch.rand(500, 20) - 0.5
labels = (linear(images) + 0.3 * torch.randn(500, 4)).argmax(1)
cross_entropy = torch.nn.CrossEntropyLoss(reduction="none")

def accuracy(of):
    return (linear(of).argmax(1) == labels).float().mean().item()

clean = accuracy(images)
print(f"without an attack the accuracy is {clean:.3f}")
found = {}
for end, network in (
    ("softmax", torch.nn.Sequential(linear, torch.nn.Softmax(1))),
    ("log_softmax", torch.nn.Sequential(linear, torch.nn.LogSoftmax(1))),
    ("logits", linear),
):
    for loss in (None, cross_entropy):
        one = FGSM(network, loss).perturb(images, epsilon=0.1, target=labels)
        many = PGD(network, loss).perturb(images, radius=0.1, step_size=0.02, step_num=10, target=labels)
        helped = (cross_entropy(linear(one), labels) < cross_entropy(linear(images), labels)).float().mean().item()
        name = "the default loss" if loss is None else "cross entropy"
        found[end, loss is None] = accuracy(one), accuracy(many), helped
        print(f"{end}, {name}: FGSM leaves {accuracy(one):.3f}, PGD {accuracy(many):.3f}; FGSM lowers the loss of {helped:.1%} of the samples")
for values in (found["softmax", True], found["log_softmax", False], found["logits", False]):
    assert values[0] < clean - 0.1 and values[1] < clean - 0.1 and values[2] < 0.01
for value in found["log_softmax", True][:2]:
    assert value > clean + 0.05
assert found["log_softmax", True][2] > 0.99 and 0.02 < found["logits", True][2] < 0.98
PY
