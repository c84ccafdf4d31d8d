#!/bin/sh
# AnalogVNN: the gradient of its `GeLU` is far off, and its `SELU` is not self-normalising.
#
# What it does: activations have a forward and a hand-written backward. GELU's backward has the root of 2 pi where the root
# of 2 / pi belongs, which makes one of its two terms pi times too large: at -1 the slope is -0.60 instead of -0.08, at 1 it
# is 1.60 instead of 1.08. `SELU()` has alpha 1.0507 and scale 1: it is ELU with SELU's scale in the place of alpha.
# One would guess: a layer's backward is the slope of its forward, and SELU() has the two constants that make it SELU.
# Who is hurt: whoever compares activations for a photonic or analog network: GELU trains on the slope of another
# function, with SELU a deep network's signals die out; both look like a property of the activation.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
pip install --quiet --no-compile --no-deps analogvnn==1.0.8
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from analogvnn.nn.activation.ELU import SELU
from analogvnn.nn.activation.Gaussian import GeLU
from analogvnn.nn.activation.SiLU import SiLU
from analogvnn.nn.Linear import Linear
from analogvnn.nn.module.FullSequential import FullSequential

print("analogvnn", version("analogvnn"), "torch", torch.__version__)
points = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])

def slopes(activation):
    """The slope by the library's own backward pass, through a network of one weight 1, and by differences."""
    own = []
    for point in points:
        layer = Linear(1, 1, bias=False)
        layer.weight.data.fill_(1.0)
        net = FullSequential()
        net.add_sequence(layer, activation())
        net.compile()
        net.loss_function = torch.nn.MSELoss()
        x = point.reshape(1, 1)
        y = net(x)
        loss, _ = net.loss(y, torch.zeros(1, 1))
        net.backward()
        own.append((layer.weight.grad / (2 * y.detach() * point)).item() if point != 0 else float("nan"))
    step = 1e-3
    true = (activation().forward(points + step) - activation().forward(points - step)) / (2 * step)
    return torch.tensor(own), true

kept = {}
for activation in (SiLU, GeLU):
    own, true = slopes(activation)
    kept[activation] = own, true
    print(f"{activation.__name__}: backward {[round(v, 3) for v in own.tolist()]}, slope of the forward {[round(v, 3) for v in true.tolist()]}")
torch.manual_seed(0)
signals = {"analogvnn": torch.randn(100, 256), "torch": torch.randn(100, 256)}
for _ in range(20):
    weights = torch.randn(256, 256) / 16
    signals["analogvnn"] = SELU().forward(signals["analogvnn"] @ weights)
    signals["torch"] = torch.nn.functional.selu(signals["torch"] @ weights)
deep = {name: signal.std().item() for name, signal in signals.items()}
print(f"after 20 random layers with SELU: standard deviation {deep['analogvnn']:.3f}, with torch's {deep['torch']:.3f}")
at = [0, 1, 3, 4]
assert (kept[SiLU][0] - kept[SiLU][1])[at].abs().max() < 1e-2
assert abs(kept[GeLU][0][0] + 0.60) < 0.02 and abs(kept[GeLU][1][0] + 0.083) < 0.01
assert abs(kept[GeLU][0][4] - 1.60) < 0.02 and abs(kept[GeLU][1][4] - 1.083) < 0.01
assert abs(SELU().forward(torch.tensor([-10.0])).item() + 1.0507) < 1e-3
assert deep["analogvnn"] < 0.5 and 0.8 < deep["torch"] < 1.2
PY
