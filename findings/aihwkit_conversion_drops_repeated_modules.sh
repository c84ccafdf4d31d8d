#!/bin/sh
# AIHWKit and AIHWKit-Lightning: `convert_to_analog` drops every module that stands in a `Sequential` for the second time.
#
# What it does: the new container is made from `named_children()`, which names each object once. One `ReLU()` that is used
# after two layers stays after the first only; three times the same block becomes one block. Within a module of one's own,
# a layer with two names becomes analog under the first one and stays digital under the second.
# One would guess: the converted network has the layers of the original, and what is shared stays shared.
# Who is hurt: whoever writes `act = ReLU()` once and puts it between all layers, as torch allows: the analog network lacks
# the nonlinearities, and its poor accuracy is put down to the analog hardware. No warning; a perfect tile does not help.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps aihwkit-lightning==2.1.0
pip install --quiet --no-compile --no-deps aihwkit==1.1.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from aihwkit.nn import conversion as full
from aihwkit.simulator.configs import TorchInferenceRPUConfig as FullConfig
from aihwkit_lightning.nn import conversion as lightning
from aihwkit_lightning.simulator.configs import TorchInferenceRPUConfig as LightningConfig
from torch.nn import Linear, Module, ReLU, Sequential

print("aihwkit", version("aihwkit"), "aihwkit-lightning", version("aihwkit-lightning"), "torch", torch.__version__)
torch.manual_seed(0)
first, second, third, act = Linear(16, 16), Linear(16, 16), Linear(16, 16), ReLU()
block = Sequential(first, ReLU())

class Twice(Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = first, first

    def forward(self, x):
        return self.two(self.one(x).relu())

networks = {
    "a ReLU for each layer": Sequential(first, ReLU(), second, ReLU(), third),
    "one ReLU for all layers": Sequential(first, act, second, act, third),
    "one block three times": Sequential(block, block, block),
}
config = FullConfig()
config.forward.is_perfect = True
x = torch.randn(100, 16)
for name, library, made in (("AIHWKit", full, config), ("Lightning", lightning, LightningConfig())):
    seen = {}
    for which, net in networks.items():
        analog = library.convert_to_analog(net, made).eval()
        with torch.no_grad():
            error = ((analog(x) - net(x)).norm() / net(x).norm()).item()
        seen[which] = len(analog), error
        print(f"{name}, {which}: {len(net)} modules, after the conversion {len(analog)}; error of the outputs {error:.1%}")
    kinds = [type(part).__name__ for part in library.convert_to_analog(Twice(), made)._modules.values()]
    print(f"{name}, a layer with two names: {kinds}")
    assert seen["a ReLU for each layer"][0] == 5 and seen["a ReLU for each layer"][1] < 1e-5
    assert seen["one ReLU for all layers"][0] == 4 and seen["one ReLU for all layers"][1] > 0.3
    assert seen["one block three times"][0] == 1 and seen["one block three times"][1] > 0.3
    assert kinds == ["AnalogLinear", "Linear"]
PY
