#!/bin/sh
# Foolbox: with estimated gradients an attack gets weaker the more samples it is given at once.
#
# What it does: `evolutionary_strategies_gradient_estimator` weights the noise of each sample with the change of the loss
# summed over the batch. What a sample's own noise did drowns in what the noise of all others did: with n samples the
# direction is worse by about the root of n.
# One would guess: samples are attacked one by one, and a batch is a matter of speed, as with true gradients.
# Who is hurt: whoever attacks a network that has no gradients, say a quantized one or one on an array of devices: with
# 200 samples at a time three quarters of them seem robust, where less than a quarter are.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 eagerpy==0.30.0
pip install --quiet --no-compile GitPython==3.2.1 requests==2.34.2
pip install --quiet --no-compile --no-deps foolbox==3.3.4
python -W ignore - <<'PY'
import eagerpy
import foolbox
import torch
from foolbox.gradient_estimators import evolutionary_strategies_gradient_estimator

print("foolbox", foolbox.__version__, "torch", torch.__version__)
torch.set_num_threads(1)
torch.manual_seed(0)
linear = torch.nn.Linear(50, 10)
model = foolbox.PyTorchModel(linear.eval(), bounds=(-100, 100), device="cpu")
x = torch.randn(200, 50)
y = linear(x).argmax(1)
exact = foolbox.attacks.L2ProjectedGradientDescentAttack(steps=10, rel_stepsize=0.2)
estimated = evolutionary_strategies_gradient_estimator(
    foolbox.attacks.L2ProjectedGradientDescentAttack, samples=100, sigma=0.1, bounds=(-100, 100), clip=False
)(steps=10, rel_stepsize=0.2)
leaf = x.clone().requires_grad_()
torch.nn.functional.cross_entropy(linear(leaf), y, reduction="sum").backward()

success, alike = {}, {}
for size in (1, 10, 50, 200):
    torch.manual_seed(1)
    flipped, cosine = {exact: 0, estimated: 0}, 0
    for start in range(0, 200, size):
        part, labels = x[start:start + size], y[start:start + size]
        for attack in flipped:
            flipped[attack] += attack(model, part, labels, epsilons=0.8)[2].sum().item()
        loss = estimated.get_loss_fn(model, eagerpy.astensor(labels))
        gradient = estimated.value_and_grad(loss, eagerpy.astensor(part))[1].raw
        cosine += torch.cosine_similarity(gradient, leaf.grad[start:start + size]).sum().item()
    success[size], alike[size] = flipped[estimated] / 200, cosine / 200
    print(f"200 samples, {size} at a time: PGD flips {flipped[exact] / 200:.1%}, estimated gradients {success[size]:.1%}",
          f"(cosine of the estimated and the true gradient {alike[size]:.2f})")
assert success[1] > 0.7 and success[200] < 0.5 * success[1]
assert alike[1] > 0.6 and alike[200] < 0.15
PY
