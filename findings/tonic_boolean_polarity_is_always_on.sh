#!/bin/sh
# tonic: with polarities of type bool, as its own data sets deliver them, OFF events count as ON in a voxel grid, and noise has
# no OFF events.
#
# What it does: `ToVoxelGrid` writes -1 in the place of OFF; in a column of bool -1 is True, that is ON. `UniformNoise` draws a
# number between 0 and 2 and casts it; any number but 0 is True. Data sets as DVSGesture, DSEC and DVSLip have bool, others
# integers.
# One would guess: a voxel grid of as many ON as OFF events adds up to about 0, and half of the noise is OFF, for each data set.
# Who is hurt: whoever trains on DVSGesture by voxel grids: the network never sees the direction of a change, only that there
# was one; the same code on another data set is right. Noise added as an augmentation gives the polarity away.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile tonic==1.7.0 numpy==2.4.6
python -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from tonic import datasets, transforms

print("tonic", version("tonic"), "numpy", np.__version__)
print("DVSGesture has", datasets.DVSGesture.dtype["p"], "DSEC", datasets.DSEC.dtype["p"], "NMNIST", datasets.NMNIST.dtype["p"])
assert datasets.DVSGesture.dtype["p"] == datasets.DSEC.dtype["p"] == bool != datasets.NMNIST.dtype["p"]
np.random.seed(0)
sums, noise = {}, {}
for kind in (bool, int):
    events = np.zeros(2000, dtype=[("x", np.int16), ("y", np.int16), ("p", kind), ("t", np.int64)])
    events["x"], events["y"] = np.random.randint(0, 16, (2, 2000))
    events["t"] = np.arange(2000) * 100
    events["p"] = np.arange(2000) % 2
    sums[kind] = transforms.ToVoxelGrid(sensor_size=(16, 16, 2), n_time_bins=10)(events).sum()
    with_noise = transforms.UniformNoise(sensor_size=(16, 16, 2), n=1000)(events)
    noise[kind] = int(with_noise["p"].sum()) - 1000
    print(f"1000 ON and 1000 OFF events, {kind.__name__}: the voxel grid adds up to {sums[kind]:.0f}, of 1000 noise events {noise[kind]} are ON")
assert sums[bool] > 1800 and abs(sums[int]) < 5 and noise[bool] == 1000 and 400 < noise[int] < 600
PY
