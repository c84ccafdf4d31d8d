#!/bin/sh
# Tonic: `DropEventByTime` takes the time from zero to the last event for the duration of the recording.
#
# What it does: the interval that is dropped has a share of the last event's time as its length and lies anywhere between
# zero and that. Of a recording of one second that starts at 1 s it drops nothing in 39 % of all calls and else up to
# twice the share that was asked for; of one that starts at 10 s it drops nothing in 90 %, and else any share up to all.
# One would guess: as it says, a share of the original duration, so that 20 % of evenly spaced events go in each call.
# Who is hurt: whoever augments slices of a longer recording, or events with the time of a clock: nearly always there is no
# augmentation, and now and then hardly a sample.
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
np.random.seed(0)
events = np.zeros(1000, np.dtype([("x", "i2"), ("y", "i2"), ("t", "i8"), ("p", "i1")]))
drop = transforms.DropEventByTime(duration_ratio=0.2)
share = {}
for start in (0, 1, 10, 1_700_000_000):
    events["t"] = 1_000_000 * start + 1000 * np.arange(1000)
    share[start] = np.array([1 - len(drop(events.copy())) / 1000 for _ in range(2000)])
    print(f"one second from {start} s on, a fifth asked for: dropped {share[start].mean():.1%} on average, {share[start].max():.0%}",
          f"at most, nothing in {(share[start] == 0).mean():.0%} of the calls")
assert np.allclose(share[0], 0.2, atol=0.002)
assert 0.3 < (share[1] == 0).mean() < 0.5 and 0.35 < share[1].max() < 0.41
assert (share[10] == 0).mean() > 0.85 and share[10].max() > 0.9
assert not share[1_700_000_000].any()
PY
