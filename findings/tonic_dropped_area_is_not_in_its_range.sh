#!/bin/sh
# Tonic: `DropEventByArea` with a ratio between 0.1 and 0.2 drops any share from 4 % to 98 %, and 40 % on average.
#
# What it does: of a range only the upper end is used, as the lower end of a range up to 1. The ratio acts on the width
# and on the height, so that a fixed ratio of 0.2 takes 4 % of the area, and 0.5 a quarter.
# One would guess: a box of 10 % to 20 % of the sensor's area, or of its width and height.
# Who is hurt: whoever augments event data with it: a range of 0.01 to 0.02, meant to be harmless, takes a third of all
# events and sometimes nearly all.
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
from tonic import transforms

print("tonic", version("tonic"), "numpy", np.__version__)
np.random.seed(0)
sensor = (100, 80, 2)
events = np.zeros(8000, np.dtype([("x", "i2"), ("y", "i2"), ("t", "i8"), ("p", "i1")]))
events["t"] = np.arange(8000)
events["x"], events["y"] = events["t"] % 100, events["t"] // 100

share = {}
for ratio in (0.1, 0.2, 0.5, (0.01, 0.02), (0.1, 0.2), (0.1, 0.8)):
    drop = transforms.DropEventByArea(sensor, area_ratio=ratio)
    share[ratio] = np.array([1 - len(drop(events.copy())) / 8000 for _ in range(1000)])
    print(f"one event per pixel, area_ratio={ratio}: dropped {share[ratio].min():.2%} to {share[ratio].max():.2%},",
          f"on average {share[ratio].mean():.1%}")
for ratio in (0.1, 0.2, 0.5):
    assert np.allclose(share[ratio], ratio**2)
for low, high in ((0.01, 0.02), (0.1, 0.2), (0.1, 0.8)):
    assert share[low, high].min() >= high**2 - 0.015 and share[low, high].max() > 0.9
assert 0.3 < share[0.01, 0.02].mean() < share[0.1, 0.2].mean() < 0.45 and share[0.1, 0.8].mean() > 0.7
PY
