#!/bin/sh
# Sinabs: a reset to another value than zero is added to every neuron in every time step, also to those that did not spike.
#
# What it does: `MembraneReset(reset_value=r)` sets the neurons that spiked to zero and then adds r to all. A neuron without
# any input gets r per step: with r = 0.2 and a time constant of 10 steps it fires on its own, with r = -0.2 it sinks to
# -1.8 within twenty steps, and a driven one fires once instead of four times.
# One would guess: the neurons that spiked start again at r, the others go on from where they are, as the documentation says.
# Who is hurt: whoever sets the reset below rest, as a hardware neuron has it, or above: the whole layer is pulled to
# about r times its time constant, and training hides it in the weights.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 h5py==3.16.0 pbr==7.1.3 matplotlib==3.11.2
pip install --quiet --no-compile --no-deps sinabs==3.1.3 nir==1.0.4 nirtorch==2.6
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from sinabs.activation import MembraneReset
from sinabs.layers import LIF

print("sinabs", version("sinabs"), "torch", torch.__version__)
steps, tau = 20, 10.0
current = torch.zeros(1, steps, 2)
current[..., 0] = 0.3

def guess(drive, reset):
    v, spikes, decay = 0.0, 0, torch.exp(torch.tensor(-1 / tau)).item()
    for _ in range(steps):
        v = decay * v + drive
        if v >= 1:
            v, spikes = reset, spikes + 1
    return spikes, round(v, 4)

found = {}
for reset in (0.0, 0.2, -0.2):
    layer = LIF(tau_mem=tau, norm_input=False, reset_fn=MembraneReset(reset_value=reset))
    with torch.no_grad():
        spikes = layer(current).sum(1)[0]
    found[reset] = [(int(spikes[n]), round(layer.v_mem[0, n].item(), 4)) for n in range(2)]
    for n, name in enumerate(("a current of 0.3", "no input")):
        print(f"reset to {reset}, {name}: spikes and last potential {found[reset][n]}, guessed {guess((0.3, 0.0)[n], reset)}")
assert found[0.0] == [guess(0.3, 0.0), guess(0.0, 0.0)]
assert found[0.2][1][0] == 2 and found[-0.2][1] == (0, -1.8172)
assert found[-0.2][0][0] == 1 and guess(0.3, -0.2)[0] > 3
PY
