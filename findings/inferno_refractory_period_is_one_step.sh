#!/bin/sh
# Inferno: the refractory period of the Poisson encoder is always one step.
#
# What it does: `HomogeneousPoissonEncoder(..., refrac=10.0)` keeps, checks and shows the refractory period, and its spike
# trains are drawn with the length of a step in its place. A sixth of all intervals are shorter than 5 ms at 50 Hz, with
# periods of 1, 5 and 10 ms alike, from the same seed spike by spike. Without compensation the rate is not lowered either.
# One would guess: no two spikes of a neuron are closer than `refrac`, and 50 Hz without compensation for 10 ms are 33 Hz.
# Who is hurt: whoever relies on the period to keep input spikes apart, for example from a synapse or an integrator that
# saturates, or studies its effect: there is none.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 einops==0.8.2
pip install --quiet --no-compile --no-deps inferno-ai==0.0.5
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from inferno.neural import HomogeneousPoissonEncoder

print("inferno-ai", version("inferno-ai"), "torch", torch.__version__)
trains = {}
for compensate in (True, False):
    for refrac in (1.0, 5.0, 10.0):
        draw = torch.Generator().manual_seed(0)
        encoder = HomogeneousPoissonEncoder(4000, 1.0, 50.0, refrac=refrac, compensate=compensate, generator=draw)
        spikes = encoder(torch.ones(300))
        intervals = torch.cat([torch.diff(train.nonzero()[:, 0]) for train in spikes.T])
        rate = 1000 * spikes.float().mean().item()
        trains[compensate, refrac] = spikes, rate, intervals.min().item()
        print(f"refrac {encoder.refrac} ms, compensation {compensate}: {rate:.1f} Hz, shortest interval {intervals.min()} ms,",
              f"{(intervals < 5).float().mean():.1%} are shorter than 5 ms")
        assert encoder.refrac == refrac
for (compensate, _), (_, rate, shortest) in trains.items():
    assert shortest == 1 and 46 < rate < 51
assert all(torch.equal(trains[compensate, 1.0][0], trains[compensate, 10.0][0]) for compensate in (True, False))
PY
