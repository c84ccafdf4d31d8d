#!/bin/sh
# Memintelli: a layer computes with the weights of its construction: `load_state_dict` and an optimiser's step change the
# parameters, and the outputs keep the old weights, with the new bias.
#
# What it does: the weights are sliced and programmed in `__init__` and by `update_weight()` alone. Nothing tells that the
# slices are older than the parameters. The bias is read from the parameters each time.
# One would guess: what is loaded is what computes, as in every torch module; or the next forward pass programs it.
# Who is hurt: whoever loads a trained network into the simulator: its accuracy is that of random weights, which looks like a
# hopeless device, at every noise and resolution. In training each forward pass sees the same weights, until somebody calls
# `update_weight()`.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 matplotlib==3.11.2
pip install --quiet --no-compile --no-deps memintelli==0.0.1.3
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from memintelli.NN_layers import Conv2dMem, LinearMem
from memintelli.pimpy import DPETensor

print("memintelli", version("memintelli"), "torch", torch.__version__)
torch.manual_seed(0)
engine = DPETensor(
    var=0.0, g_level=2**4, rdac=2**4, radc=2**16, weight_quant_gran=(64, 64), weight_paral_size=(64, 64),
    input_quant_gran=(1, 64), input_paral_size=(1, 64), device=torch.device("cpu"),
)
eight_bits = [1, 1, 2, 4]
pairs = {
    "linear": (torch.nn.Linear(64, 10), LinearMem(engine, 64, 10, eight_bits, eight_bits), torch.randn(50, 64)),
    "conv": (torch.nn.Conv2d(3, 8, 3), Conv2dMem(engine, 3, 8, 3, eight_bits, eight_bits), torch.randn(2, 3, 8, 8)),
}
for name, (trained, simulated, x) in pairs.items():

    def error():
        with torch.no_grad():
            return ((simulated(x) - trained(x)).norm() / trained(x).norm()).item()

    with torch.no_grad():
        old = simulated(x)
    old_bias = simulated.bias.detach().clone()
    simulated.load_state_dict(trained.state_dict())
    equal = torch.equal(simulated.weight, trained.weight)
    loaded = error()
    with torch.no_grad():
        shift = (simulated(x) - old).transpose(1, -1) - (trained.bias - old_bias)
    simulated.update_weight()
    print(f"{name}: loaded, parameters equal {equal}, error of the outputs {loaded:.0%}; after update_weight {error():.1%}")
    assert equal and loaded > 0.9 and error() < 0.02
    assert shift.abs().max() < 1e-5, "all that changed is the bias"

layer, x = LinearMem(engine, 64, 10, eight_bits, eight_bits, bias=False), torch.randn(50, 64)
before, start = layer(x), layer.weight.detach().clone()
before.square().sum().backward()
torch.optim.SGD(layer.parameters(), lr=1e-2).step()
stays = torch.equal(layer(x), before)
print(f"a step of SGD moves weights by up to {(layer.weight - start).abs().max():.3f}; outputs stay the same {stays}")
assert stays and not torch.equal(layer.weight, start)
PY
