#!/bin/sh
# snnTorch: the surrogate `triangular` has a negative slope above the threshold, and `spike_rate_escape` is largest a whole
# unit above it.
#
# What it does: `triangular` gives +1 below the threshold and -1 from it on, at any distance: the slope of a triangle, not a
# triangle. `spike_rate_escape` applies exp(-|U - 1|) to the distance U from the threshold, not to the potential. Its
# documentation has the same formulas, with U as the potential.
# One would guess: a surrogate gradient is the slope of a smoothed step: never negative, largest at the threshold.
# Who is hurt: whoever compares surrogates. Training on `triangular` to silence a neuron makes it fire more, and a neuron that
# should fire more is held at the threshold.
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
import snntorch
from snntorch import surrogate

print("snntorch", version("snntorch"), "torch", torch.__version__)
distances = [-2.0, -0.5, 0.0, 0.5, 1.0, 2.0]
slopes, ends = {}, {}
for name in ("atan", "fast_sigmoid", "triangular", "spike_rate_escape"):
    spike = getattr(surrogate, name)()
    distance = torch.tensor(distances, requires_grad=True)
    spike(distance).sum().backward()
    slopes[name] = distance.grad
    # a neuron that fires, trained not to
    neuron = snntorch.Leaky(beta=0.0, threshold=1.0, spike_grad=spike)
    current = torch.tensor([1.1], requires_grad=True)
    for _ in range(200):
        spikes, _ = neuron(current, torch.zeros(1))
        (gradient,) = torch.autograd.grad(spikes.sum(), current)
        with torch.no_grad():
            current -= 0.05 * gradient
    ends[name] = current.item(), neuron(current, torch.zeros(1))[0].item()
    print(f"{name}: slope at {distances} from the threshold: {[round(s, 4) for s in slopes[name].tolist()]};",
          f"after training not to fire: current {ends[name][0]:.2f}, {ends[name][1]:.0f} spike")
assert slopes["triangular"].tolist() == [1, 1, -1, -1, -1, -1]
assert slopes["spike_rate_escape"].argmax() == 4 and slopes["atan"].argmax() == slopes["fast_sigmoid"].argmax() == 2
assert ends["triangular"][1] == 1 and ends["triangular"][0] > 10 and ends["atan"][1] == ends["fast_sigmoid"][1] == 0
PY
