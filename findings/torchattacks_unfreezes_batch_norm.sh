#!/bin/sh
# torchattacks: an attack on a network in training puts every layer back into training mode, also those that were frozen.
#
# What it does: it keeps one flag, `model.training`, attacks in evaluation mode, and restores with `model.train()`. Layers
# that were in evaluation mode within a network in training, such as frozen batch norm, leave the attack unfrozen.
# One would guess: an attack leaves the mode of each layer as it found it.
# Who is hurt: whoever trains against attacks with frozen batch norm, for example one that was calibrated on a chip: from
# the first attack on it follows the attacked batches, and the frozen statistics are lost.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps torchattacks==3.5.1
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
import torchattacks

print("torchattacks", version("torchattacks"), "torch", torch.__version__)
torch.manual_seed(0)
images, labels = torch.rand(8, 1, 6, 6), torch.randint(3, (8,))
network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(64, 3))
found = []
for attack in (None, torchattacks.FGSM(network), torchattacks.PGD(network), torchattacks.PGDL2(network)):
    for training in (True, False):
        network.train(training)
        network[1].eval()
        frozen = network[1].running_mean.clone()
        attacked = images if attack is None else attack(images, labels)
        kept = torch.equal(network[1].running_mean, frozen)
        network(attacked)
        found.append((training, network[1].training, torch.equal(network[1].running_mean, frozen)))
        name = type(attack).__name__ if attack else "no attack"
        print(f"{name}, network.training {training}: frozen batch norm in training mode {found[-1][1]},",
              f"its statistics after the attack kept {kept}, after the next batch kept {found[-1][2]}")
assert found == [(True, False, True), (False, False, True)] + [(True, True, False), (False, False, True)] * 3
PY
