#!/bin/sh
# AIHWKit: `drift_analog_weights(t)` starts for ever from the weights of the first programming.
#
# What it does: the first call programs the tile and remembers the programmed weights. Every later call starts from
# that memory, whatever was trained or set since, and writes the result over the weights that training uses.
# `program_analog_weights()` after training does not help: it programs the targets of the first time again. Only
# `layer.set_weights(...)` with the trained weights, and `program_analog_weights()` after it, takes them.
# One would guess: the call programs and drifts the weights that the layer has now, and training goes on from its own.
# Who is hurt: whoever looks at the drifted accuracy after each epoch. From the second epoch on every look sets the
# network back to the first epoch, and the loop shows a network that "does not learn".
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps aihwkit==1.1.0
python -W ignore - <<'PY'
import aihwkit, torch
from aihwkit.nn import AnalogLinear, AnalogSequential
from aihwkit.optim import AnalogSGD
from aihwkit.simulator.configs import TorchInferenceRPUConfig

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)
torch.manual_seed(0)
config = TorchInferenceRPUConfig()
config.forward.is_perfect = True
layer = AnalogLinear(16, 16, bias=False, rpu_config=config)
start = torch.linspace(-1, 1, 256).reshape(16, 16)
layer.set_weights(start)
net = AnalogSequential(layer)
goal = start.flip(0)
x = torch.randn(400, 16)
y = x @ goal.T
optimizer = AnalogSGD(net.parameters(), lr=0.05)
optimizer.regroup_param_groups(net)

def error():
    with torch.no_grad():
        return ((net(x) - y) ** 2).mean().sqrt().item()

rows = []
for epoch in range(4):
    net.train()
    begun = error()
    for _ in range(100):
        optimizer.zero_grad()
        ((net(x) - y) ** 2).mean().backward()
        optimizer.step()
    trained = error()
    net.eval()
    net.drift_analog_weights(0.0)
    rows.append((begun, trained, error()))
    print("epoch %d: error at its start %.2f, after training %.2f, after drift_analog_weights(0) %.2f" % (epoch, *rows[-1]))

def distance():
    return (layer.get_weights()[0] - goal).square().mean().sqrt().item()

with torch.no_grad():
    next(net.analog_tiles()).tile.weight.copy_(goal)
net.program_analog_weights()
trained_then_programmed = distance()
layer.set_weights(goal)
net.drift_analog_weights(0.0)
set_then_drifted = distance()
layer.set_weights(goal)
net.program_analog_weights()
net.drift_analog_weights(0.0)
set_then_programmed = distance()
print("rms distance to the goal: trained to it, then programmed %.2f;" % trained_then_programmed)
print("set to it, then drifted %.2f; set to it, programmed, then drifted %.2f" % (set_then_drifted, set_then_programmed))
assert abs(rows[0][2] - rows[0][1]) < 0.1, "the first drift shows the trained weights"
for begun, trained, drifted in rows[1:]:
    assert trained < 0.7 * begun, "training works"
    assert abs(drifted - rows[0][2]) < 0.1, "each later drift shows the first epoch again"
assert trained_then_programmed > 0.5 and set_then_drifted > 0.5 and set_then_programmed < 0.2
PY
