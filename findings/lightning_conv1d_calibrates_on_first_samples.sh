#!/bin/sh
# AIHWKit-Lightning: the input range of a 1d convolution is calibrated on the first few samples of each sequence.
#
# What it does: a 2d convolution is unfolded first. A 1d convolution is not: the hook takes the last axis, which is time, for
# the inputs of the tile, and reads as many samples from its start as the kernel has inputs. One channel and a kernel
# of 9 give a range from the samples 0 to 8 of each sequence, by each of the methods.
# One would guess: every sample that the layer multiplies counts.
# Who is hurt: whoever calibrates on sound or other signals that start quietly, or are padded in front: the range is that
# of the silence, and everything that follows is clipped. Without a warning.
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
from aihwkit_lightning.inference.calibration.calibration import InputRangeCalibrationType as By, calibrate_input_ranges
from aihwkit_lightning.nn.conversion import convert_to_analog
from aihwkit_lightning.simulator.configs import TorchInferenceRPUConfig

print("aihwkit-lightning", version("aihwkit-lightning"), "torch", torch.__version__)
torch.manual_seed(0)
sound = torch.randn(64, 1, 500)
sound[..., :20] *= 0.01
seen = {}
for name, layer, x in (("1d", torch.nn.Conv1d(1, 8, 9), sound), ("2d", torch.nn.Conv2d(1, 8, (1, 9)), sound[:, :, None])):
    for by in (By.MAX, By.CACHE_QUANTILE):
        net = convert_to_analog(torch.nn.Sequential(layer), TorchInferenceRPUConfig()).eval()
        calibrate_input_ranges(net, by, [((x,), {})], verbose=False)
        with torch.no_grad():
            error = ((net(x) - layer(x)).norm() / layer(x).norm()).item()
        seen[name, by] = net[0].input_range.item(), error
        print(f"the same convolution, {name}, {by.name}: input range {seen[name, by][0]:.3f}, error of the outputs {error:.1%}")
print(f"largest of all samples {sound.abs().max():.3f}, of the first nine {sound[..., :9].abs().max():.3f}")
assert all(seen["2d", by][0] > 2.5 and seen["2d", by][1] < 0.05 for by in (By.MAX, By.CACHE_QUANTILE))
assert all(seen["1d", by][0] < 0.05 and seen["1d", by][1] > 0.8 for by in (By.MAX, By.CACHE_QUANTILE))
PY
