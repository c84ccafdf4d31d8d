#!/bin/sh
# ART: DeepFool multiplies its steps by the width of the input range: from -1 to 1 the smallest perturbation comes out
# doubled, and from 0 to 0.1 no sample is flipped.
#
# What it does: each step, which should just reach the nearest boundary, is multiplied by the difference of the two
# `clip_values`. A wide range overshoots by that factor, as far as the range allows. In a narrow one each of the 100
# steps leaves a fixed share of the way, and the samples end on their old side. Between 0 and 1 all is right.
# One would guess: `clip_values` are where inputs are clipped, and the distance to a plane does not depend on them.
# Who is hurt: whoever takes the mean size of DeepFool's perturbations for robustness, with normalised images, bytes or
# read voltages: the numbers follow the range, and a network fed with small voltages is called perfectly robust.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.7.2 six==1.17.0
pip install --quiet --no-compile tqdm==4.70.1 packaging==26.4
pip install --quiet --no-compile --no-deps adversarial-robustness-toolbox==1.20.1
python -W ignore - <<'PY'
import art, numpy as np, torch
from art.attacks.evasion import DeepFool
from art.estimators.classification import PyTorchClassifier

print("adversarial-robustness-toolbox", art.__version__, "torch", torch.__version__)
torch.manual_seed(0)
linear = torch.nn.Linear(20, 2, bias=False)
plane = np.subtract(*linear.weight.detach().numpy())
found = {}
for low, high in ((0, 0.01), (0, 0.1), (0, 1), (-1, 1), (0, 10), (0, 255)):
    x = np.random.default_rng(0).uniform(0.3, 0.7, (200, 20))
    x = (low + (high - low) * x).astype(np.float32)
    distance = np.abs(x @ plane) / np.linalg.norm(plane)
    classifier = PyTorchClassifier(linear, torch.nn.CrossEntropyLoss(), (20,), 2, clip_values=(low, high))
    attacked = DeepFool(classifier, verbose=False, batch_size=200).generate(x)
    flipped = np.mean(classifier.predict(attacked).argmax(1) != classifier.predict(x).argmax(1))
    ratio = np.median(np.linalg.norm(attacked - x, axis=1) / distance)
    found[high - low] = flipped, ratio
    print(f"inputs from {low} to {high}: {flipped:.0%} flipped,", f"perturbation {ratio:.4f} times the distance")
assert found[0.01][0] == found[0.1][0] == 0 and min(found[width][0] for width in (1, 2, 10, 255)) > 0.95
assert abs(found[0.01][1] - (1 - 0.99**100)) < 1e-3 and abs(found[1][1] - 1) < 1e-3 and abs(found[2][1] - 2) < 1e-3
assert found[10][1] > 3 and found[255][1] > 3
PY
