#!/bin/sh
# Photontorch: four times as many samples of the same light halve the noise of a photodetector.
#
# What it does: to each sample it adds noise with the variance that belongs to the detector's bandwidth, 4kT/R and 2qI
# times the cut-off frequency, and then filters to that bandwidth. That takes most of it away again: what is left is the
# variance times twice the cut-off frequency over the sample rate.
# One would guess: the noise current is sqrt(4kT/R * bandwidth) at any sample rate.
# Who is hurt: whoever computes a bit error rate or the precision of an optical product: at the default 160 GHz the noise
# is half of what the load resistor alone makes, and a finer time step makes the receiver as quiet as one likes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2 networkx==3.6.1
pip install --quiet --no-compile pandas==3.1.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps photontorch==0.4.1
python -W ignore - <<'PY'
from importlib.metadata import version
import math
import photontorch, torch

print("photontorch", version("photontorch"), "torch", torch.__version__)
cutoff, resistance, charge, boltzmann = 20e9, 166, 1.602176634e-19, 1.380649e-23
threshold = 3e-6
ratio, errors = {}, {}
for rate in (41e9, 160e9, 640e9, 2560e9):
    for power in (0, 2 * threshold, 1e-2):
        detector = photontorch.Photodetector(samplerate=rate, cutoff_frequency=cutoff, load_resistance=resistance, seed=0)
        current = detector(torch.full((3000, 50), power, dtype=torch.float64))[500:]
        noise = math.sqrt((4 * boltzmann * 300 / resistance + 2 * charge * (power + 1e-10)) * cutoff)
        ratio[rate, power] = current.std(0).square().mean().sqrt().item() / noise
        errors[rate, power] = ((current > threshold) != (power > threshold)).double().mean().item()
    print(f"{rate / 1e9:.0f} GHz: noise in the dark {ratio[rate, 0]:.3f} times sqrt(4kT/R * bandwidth), at 10 mW",
          f"{ratio[rate, 1e-2]:.3f} times that of the resistor and the light; light of 0 or 6 uW is taken for the other",
          f"in {(errors[rate, 0] + errors[rate, 2 * threshold]) / 2:.4%} of the samples")
for (rate, power), value in ratio.items():
    assert rate < 100e9 or abs(value / math.sqrt(2 * cutoff / rate) - 1) < 0.05
    assert rate > 100e9 or abs(value - 1) < 0.05
assert errors[41e9, 0] > 0.01 and errors[160e9, 0] < errors[41e9, 0] / 100 and errors[640e9, 0] == 0
PY
