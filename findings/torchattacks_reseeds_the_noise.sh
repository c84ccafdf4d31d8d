#!/bin/sh
# torchattacks: APGD, FAB and Square, and so AutoAttack, set torch's global seed to 0 in each call, and leave it there.
#
# What it does: these attacks have a seed, 0 by default, and start with `torch.manual_seed(seed)`. Whatever draws from torch
# during the attack and after it goes on from there: noise of weights and outputs, dropout, shuffling. PGD, EOTPGD, FGSM and
# the other attacks take numbers from the generator but do not set it.
# One would guess: the seed is for the attack's own starting points, and the generator is left as after any other attack.
# Who is hurt: whoever evaluates noisy hardware: after each attack the network meets the same noise, so that the accuracy over
# twenty draws of it has a spread of zero. In training against attacks each batch gets the same noise and dropout mask.
# A way round: `torch.random.fork_rng()` around the attack.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1 requests==2.32.5
pip install --quiet --no-compile --no-deps torchattacks==3.5.1
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
import torchattacks

print("torchattacks", version("torchattacks"), "torch", torch.__version__)


class NoisyLayer(torch.nn.Linear):
    """A layer whose weights are read with new noise each time, as those of a crossbar."""

    def forward(self, x):
        return torch.nn.functional.linear(x, self.weight + 0.2 * torch.randn_like(self.weight), self.bias)


torch.manual_seed(1)
images, labels = torch.rand(200, 1, 6, 6), torch.randint(3, (200,))
network = torch.nn.Sequential(torch.nn.Flatten(), NoisyLayer(36, 3)).eval()
attacks = {
    "none": None,
    "FGSM": torchattacks.FGSM(network),
    "PGD": torchattacks.PGD(network, steps=3),
    "EOTPGD": torchattacks.EOTPGD(network, steps=3),
    "APGD": torchattacks.APGD(network, steps=3),
    "FAB": torchattacks.FAB(network, steps=3, n_classes=3),
    "Square": torchattacks.Square(network, n_queries=5),
    "APGD in fork_rng": torchattacks.APGD(network, steps=3),
}
distinct = {}
for name, attack in attacks.items():
    masks, correct = set(), []
    for _ in range(10):
        if attack is not None:
            with torch.random.fork_rng(enabled="fork_rng" in name):
                attack(images[:4], labels[:4])
        with torch.no_grad():
            correct.append(100 * (network(images).argmax(1) == labels).float().mean().item())
        masks.add(tuple(torch.nn.functional.dropout(torch.ones(40)).tolist()))
    spread = torch.tensor(correct).std().item()
    distinct[name] = len(masks)
    print(f"{name}: ten times attack, then accuracy of other images: spread {spread:.2f} points, {len(masks)} dropout masks")
    assert (spread == 0) == (len(masks) == 1)
reseeding = ("APGD", "FAB", "Square")
assert all(masks == (1 if name in reseeding else 10) for name, masks in distinct.items())
PY
