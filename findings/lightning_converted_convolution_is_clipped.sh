#!/bin/sh
# AIHWKit-Lightning: a trained convolution that is converted with learnable weight clipping is clipped at the ranges of
# random weights; a linear layer is not.
#
# What it does: the clips start at the largest weights of each channel. The converter makes a layer, with random weights,
# and then sets the trained ones; the linear layer starts its clips anew there, the convolution keeps those of the random
# weights. They are in proportion to 1 / sqrt(inputs), whatever was trained.
# One would guess: right after the conversion nothing is clipped, as in the linear layers of the same network.
# Who is hurt: whoever fine-tunes a trained convolutional network with learnable ranges, or measures it as it is: the large
# weights are lost before the first step, and the error is put down to the clipping, or to the noise.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps aihwkit-lightning==2.1.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from aihwkit_lightning.nn.conversion import convert_to_analog
from aihwkit_lightning.simulator.configs import TorchInferenceRPUConfig, WeightClipType

print("aihwkit-lightning", version("aihwkit-lightning"), "torch", torch.__version__)
torch.manual_seed(0)
layers = {
    "linear": (torch.nn.Linear(144, 32), torch.randn(16, 144)),
    "conv 1d": (torch.nn.Conv1d(16, 32, 9), torch.randn(4, 16, 40)),
    "conv 2d": (torch.nn.Conv2d(16, 32, 3), torch.randn(4, 16, 12, 12)),
}
error = {}
for name, (layer, x) in layers.items():
    torch.nn.init.normal_(layer.weight, std=0.08)
    for seed in (0, 1):
        for kind in (WeightClipType.NONE, WeightClipType.LEARNABLE_PER_CHANNEL):
            config = TorchInferenceRPUConfig()
            config.clip.type = kind
            torch.manual_seed(seed)
            analog = convert_to_analog(torch.nn.Sequential(layer), config).eval()
            with torch.no_grad():
                error[name, kind, seed] = ((analog(x) - layer(x)).norm() / layer(x).norm()).item()
            print(f"{name}, clip {kind.name}, seed {seed}: error right after the conversion {error[name, kind, seed]:.4%}")
learn = WeightClipType.LEARNABLE_PER_CHANNEL
assert all(e < 1e-5 for (name, kind, _), e in error.items() if name == "linear" or kind != learn)
assert all(error[name, learn, seed] > 0.05 for name in ("conv 1d", "conv 2d") for seed in (0, 1))
assert error["conv 2d", learn, 0] != error["conv 2d", learn, 1]
PY
