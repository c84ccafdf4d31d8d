#!/bin/sh
# Norse: an adaptive neuron (LSNN) with its default parameters falls silent and stays so.
#
# What it does: each spike raises the threshold by 1.8, and the adaptation decays with 1 / 800 per second: a time constant of
# 800 s beside those of 5 and 10 ms. After eleven spikes within 0.2 s the threshold is above 20, and a pause of five seconds
# takes less than one hundredth off. The neuron does not fire again.
# One would guess: 0.8 s: the threshold comes back within a sample or between two, and the second burst is like the first.
# Who is hurt: whoever trains LSNNs as they come: neurons answer to the beginning of a sequence only, longer sequences add
# nothing, and adaptive neurons look worse than plain ones. `tau_adapt_inv=1 / 0.8` behaves as one would guess.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 h5py==3.16.0
pip install --quiet --no-compile --no-deps norse==1.1.0 nir==1.0.8 nirtorch==2.6
python -W ignore - <<'PY'
from importlib.metadata import version
import norse.torch as norse
import torch

print("norse", version("norse"), "torch", torch.__version__)
seconds = {name: 1 / getattr(norse.LSNNParameters(), name).item() for name in ("tau_syn_inv", "tau_mem_inv", "tau_adapt_inv")}
print("time constants in seconds, by default:", {name: round(value, 4) for name, value in seconds.items()})

def bursts(cell):
    """Spikes in three bursts of 0.2 s, with pauses of 5 s between; the threshold after each burst and pause."""
    state, counts, thresholds = None, [], []
    with torch.no_grad():
        for _ in range(3):
            spikes = 0
            for current, steps in ((4.0, 200), (0.0, 5000)):
                for _ in range(steps):
                    spike, state = cell(torch.full((1, 1), current), state)
                    spikes += int(spike)
                thresholds.append(round(getattr(state, "b", torch.ones(1)).item(), 2))
            counts.append(spikes)
    return counts, thresholds

found = {
    "LIF": bursts(norse.LIFCell()),
    "LSNN": bursts(norse.LSNNCell()),
    "LSNN of 0.8 s": bursts(norse.LSNNCell(p=norse.LSNNParameters(tau_adapt_inv=torch.tensor(1 / 0.8)))),
}
for name, (counts, thresholds) in found.items():
    print(f"{name}: spikes in three bursts {counts}, threshold after each burst and each pause {thresholds}")
assert round(seconds["tau_adapt_inv"]) == 800 and round(seconds["tau_mem_inv"], 3) == 0.01
assert found["LSNN"][0] == [11, 0, 0] and min(found["LSNN"][1]) > 20
assert len(set(found["LIF"][0])) == len(set(found["LSNN of 0.8 s"][0])) == 1
PY
