#!/bin/sh
# Norse: the recurrent conductance-based neuron does not see its input.
#
# What it does: `coba_lif_step`, and with it `CobaLIFCell`, adds the input spikes to the conductances, then computes the
# conductances anew from the old ones and the recurrent spikes. The input is lost; only the feed-forward version uses it.
# One would guess: both raise the conductances, as the formulas of the class say.
# Who is hurt: whoever simulates or trains with these cells: the spikes are those of a network without input, its input
# weights get no gradient, and an optimiser passes over them without a word. All samples get the same answer.
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
torch.manual_seed(0)
cell = norse.CobaLIFCell(8, 16)
with torch.no_grad():
    cell.input_weights.abs_()

def run(spikes):
    state, count = None, 0
    for _ in range(200):
        z, state = cell(spikes, state)
        count += z.sum()
    return count, state

silent, silent_state = run(torch.zeros(1, 8))
busy, state = run(torch.ones(1, 8))
print(f"CobaLIFCell, 200 steps: {silent:.0f} spikes with no input, {busy:.0f} with a spike at each input in each step;",
      f"voltages differ by {(state.v - silent_state.v).abs().max():.1e}")
(state.v.sum() + busy).backward()
print("gradient of the recurrent weights:", cell.recurrent_weights.grad is not None,
      "; of the input weights:", cell.input_weights.grad)

zero, one, weights = torch.zeros(1, 3), torch.ones(1, 3), 0.5 * torch.eye(3)
start = norse.CobaLIFState(z=zero, v=zero - 20, g_e=zero, g_i=zero)
recurrent = norse.coba_lif_step(one, start, weights, 0 * weights)[1].g_e
start = norse.CobaLIFFeedForwardState(v=zero - 20, g_e=zero, g_i=zero)
forward = norse.coba_lif_feed_forward_step(one @ weights.T, start)[1].g_e
print(f"conductance after one spike with a weight of 0.5: {recurrent[0, 0]:.3f} with recurrent weights of zero,",
      f"{forward[0, 0]:.3f} feed-forward")
assert busy == silent and torch.equal(state.v, silent_state.v) and cell.input_weights.grad is None
assert (recurrent == 0).all() and ((forward - 0.5).abs() < 1e-3).all()
PY
