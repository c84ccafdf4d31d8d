#!/bin/sh
# Captum: FGSM and PGD do not move an input whose gradient is below 1e-6, so a confident network is robust.
#
# What it does: where the gradient of the loss is not larger than 1e-6 the step is 0 in the place of its sign. The gradient of cross
# entropy shrinks with the exponent of the margin: the same network with its logits times 100, that is with the same decision for
# every input, withstands attacks that beat the
# first one: half of the inputs stay where they are. The number is an attribute `zero_thresh`, no argument.
# One would guess: the sign of a gradient does not depend on its size, so a factor on all logits changes little.
# Who is hurt: whoever compares the robustness of networks that differ in confidence, for instance after weight decay, scaled
# outputs of a crossbar or a temperature: the surest network wins, whatever is done to its inputs.
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
linear = torch.nn.Linear(20, 4).double()
images = torch.rand(500, 20, dtype=torch.float64) - 0.5
labels = linear(images).argmax(1)
cross_entropy = torch.nn.CrossEntropyLoss(reduction="none")
found = {}
for factor in (1, 10, 100):
    def network(of):
        return factor * linear(of)

    def accuracy(of):
        return (network(of).argmax(1) == labels).double().mean().item()

    wanted = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(network(wanted), labels).sum(), wanted)
    sign = images + 0.2 * gradient.sign()
    default = FGSM(network, cross_entropy).perturb(images, epsilon=0.2, target=labels)
    iterated = PGD(network, cross_entropy).perturb(images, radius=0.2, step_size=0.04, step_num=10, target=labels)
    attack = FGSM(network, cross_entropy)
    attack.zero_thresh = 0.0
    without = attack.perturb(images, epsilon=0.2, target=labels)
    moved = (default != images).double().mean().item()
    found[factor] = tuple(map(accuracy, (sign, without, default, iterated))) + (moved,)
    print(f"logits times {factor}, largest gradients between {gradient.abs().amax(1).min():.0e} and {gradient.abs().max():.0e}: the sign",
          "leaves an accuracy of {:.3f}, FGSM with a threshold of 0 {:.3f}, FGSM {:.3f}, PGD {:.3f}; FGSM moves {:.0%} of the pixels".format(*found[factor]))
for factor in (1, 10, 100):
    assert found[factor][0] == found[factor][1] < 0.05
assert found[1][2] == found[1][0] and found[1][4] == 1.0
assert found[100][2] > 0.4 and found[100][3] > 0.4 and found[100][4] < 0.6
PY
