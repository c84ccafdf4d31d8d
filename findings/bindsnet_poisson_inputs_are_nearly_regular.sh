#!/bin/sh
# BindsNET: the spike trains of its Poisson encoder are close to a metronome.
#
# What it does: `poisson` draws the intervals between spikes from a Poisson distribution around the mean interval. Their spread
# is the root of the mean, so at 10 Hz and steps of 1 ms they are 100 +- 10 ms, and the number of spikes in a second varies by
# a thirtieth of the variance of a Poisson process. Nothing fires in the first 50 ms, then all inputs within the next 80.
# One would guess: a Poisson process: intervals spread as much as their mean, counts with a variance equal to their mean.
# Who is hurt: whoever studies noise of the inputs, short windows or learning by spike times: the variance of coding is up to
# thirty times too small, equal pixels fire together, and a dim pixel says nothing at all in a window of 50 ms. A way round:
# `bernoulli` with the rates as probabilities per step.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6
pip install --quiet --no-compile --no-deps bindsnet==0.3.4
python -W ignore - <<'PY'
import sys
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType
import torch

start = ModuleType("bindsnet")  # its own start imports plots, games and data sets, too
start.__path__ = list(find_spec("bindsnet").submodule_search_locations)
sys.modules["bindsnet"] = start
from bindsnet.encoding import bernoulli, poisson

print("bindsnet", version("bindsnet"), "torch", torch.__version__)
torch.manual_seed(0)
found = {}
for hertz in (10, 32, 128):
    rates = torch.full((500,), float(hertz))
    for name, spikes in (("poisson", poisson(rates, time=1000)), ("bernoulli", bernoulli(rates / 1000, time=1000))):
        counts = spikes.float().sum(0)
        intervals = torch.cat([spikes[:, i].nonzero().flatten().diff() for i in range(500)]).float()
        fano, variation = (counts.var() / counts.mean()).item(), (intervals.std() / intervals.mean()).item()
        early = spikes[:50].any(0).float().mean().item()
        found[name, hertz] = fano, variation, early
        print(f"{name} at {hertz} Hz: {counts.mean():.1f} spikes in a second, their variance by their mean {fano:.2f},",
              f"spread of the intervals by their mean {variation:.2f}, inputs that fire within 50 ms {early:.2f}")
for hertz in (10, 32, 128):
    assert found["bernoulli", hertz][0] > 0.7 and found["bernoulli", hertz][1] > 0.7
    assert found["poisson", hertz][0] < 0.2 and found["poisson", hertz][1] < 0.4
assert found["poisson", 10][2] == 0 and found["bernoulli", 10][2] > 0.3
PY
