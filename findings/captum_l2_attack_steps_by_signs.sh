#!/bin/sh
# Captum: PGD in the L2 norm steps by the signs of the gradient and stays far from the worst point of the ball.
#
# What it does: `norm="L2"` changes the projection alone; each step is that of FGSM, equally long in every dimension. In a linear
# network the gradient is the same everywhere, so the end is radius * sign(w) / sqrt(n) after any number of steps, and the worst
# point is radius * w / |w|. What is missing grows with the spread of the gradient's entries.
# One would guess: steps along the gradient, as in other implementations; in a linear network the exact worst case.
# Who is hurt: whoever reports robustness in L2, above all of sparse networks, whose gradients are far from equal: robust accuracy
# is an overestimate, and more steps or smaller ones do not help.
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
from captum.robust import PGD

print("captum", version("captum"), "torch", torch.__version__)
torch.manual_seed(0)
images = torch.randn(400, 100, dtype=torch.float64)
loss = torch.nn.BCEWithLogitsLoss(reduction="none")
found = {}
for spread in ("equal", "normal", "cubes of normal"):
    weights = torch.randn(100, dtype=torch.float64)
    weights = {"equal": weights.sign(), "normal": weights, "cubes of normal": weights**3}[spread]
    weights = weights / weights.norm()
    labels = (images @ weights > 0).double()

    def network(of):
        return of @ weights

    def accuracy(of):
        return ((network(of) > 0).double() == labels).double().mean().item()

    exact = accuracy(images + 0.5 * (1 - 2 * labels)[:, None] * weights)
    for steps in (10, 200):
        attacked = PGD(network, loss).perturb(images, radius=0.5, step_size=1.0 / steps, step_num=steps, target=labels, norm="L2")
        lengths = (attacked - images).norm(dim=1)
        share = ((network(images) - network(attacked)).abs() / 0.5).mean().item()
        found[spread, steps] = accuracy(attacked) - exact, share
        assert lengths.allclose(torch.full_like(lengths, 0.5))
        print(f"weights {spread}, {steps} steps: all moved by 0.5; the margin falls by {share:.0%} of what is possible,",
              f"accuracy {accuracy(attacked):.3f}, exact {exact:.3f}")
for steps in (10, 200):
    assert found["equal", steps][1] > 0.99 and found["equal", steps][0] < 0.005
    assert 0.7 < found["normal", steps][1] < 0.9 and found["normal", steps][0] > 0.03
    assert found["cubes of normal", steps][1] < 0.6 and found["cubes of normal", steps][0] > 0.1
PY
