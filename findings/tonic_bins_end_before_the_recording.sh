#!/bin/sh
# Tonic: frames by number do not reach the end of the recording when they overlap, or when times are in seconds.
#
# What it does: with `n_time_bins` and an overlap of o the frames are made longer by 1 + o and then moved by 1 - o of that
# length: their number is kept, and with o = 0.5 the last quarter of the recording is in no frame. Their length is rounded
# down to a whole number: in seconds, 10 frames of a recording of 25.7 s cover 20 s, and of one of 9 s nothing.
# One would guess: n frames, with or without overlap, cover the recording.
# Who is hurt: whoever adds overlap "to provide some robustness": events in the part that is lost, such as the end of a
# gesture, are never seen, at an overlap of 0.9 four fifths of them, while the number of events in all frames grows.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 h5py==3.16.0 importRosbag==1.0.4 requests==2.34.2 tqdm==4.70.1 typing_extensions==4.16.0
pip install --quiet --no-compile --no-deps tonic==1.7.0
python -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
from tonic import transforms

print("tonic", version("tonic"), "numpy", np.__version__)
# Event k is at the place k of a line of 1000 pixels, one per millisecond: a frame shows which events it saw.
events = np.zeros(1000, np.dtype([("x", "i2"), ("y", "i2"), ("t", "i8"), ("p", "i1")]))
events["x"] = np.arange(1000)
events["t"] = 1000 * np.arange(1000)
seen = {}
for overlap in (0.0, 0.25, 0.5, 0.9):
    frames = transforms.ToFrame((1000, 1, 2), n_time_bins=100, overlap=overlap)(events.copy())
    seen[overlap] = np.flatnonzero(frames.sum((0, 1, 2))).max() + 1
    print(f"100 frames, overlap {overlap}: {frames.sum()} events in {len(frames)} frames, the last one is number {seen[overlap]} of 1000")
seconds = {}
for duration in (25.7, 9.0):
    floats = events.astype([("x", "i2"), ("y", "i2"), ("t", "f8"), ("p", "i1")])
    floats["t"] = np.linspace(0, duration, 1000)
    frames = transforms.ToFrame((1000, 1, 2), n_time_bins=10)(floats)
    seconds[duration] = frames.sum()
    print(f"{duration} s, times in seconds, 10 frames without overlap: {frames.sum()} of 1000 events")
assert seen[0.0] == 999 and seen[0.25] < 950 and seen[0.5] < 760 and seen[0.9] < 210
assert 770 < seconds[25.7] < 785 and seconds[9.0] == 0
PY
