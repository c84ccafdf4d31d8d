#!/bin/sh
# Sinabs: the synapse of an adaptive neuron forgets within one step, whatever its time constant is.
#
# What it does: with `norm_input=True`, the default, a step of `ALIF` multiplies the synaptic current by (1 - alpha_mem) and
# keeps the product as the state of the synapse. With a membrane of 20 steps what is left of a pulse after one step is 5 %,
# for a synapse of 2 steps as for one of 50. `LIF` scales what goes into the membrane and leaves the synapse alone.
# One would guess: `tau_syn` filters the input of `ALIF` as that of `LIF`: after a pulse the membrane rises for some steps.
# Who is hurt: whoever gives adaptive neurons slow synapses to hold information, or tunes or trains `tau_syn`: nothing depends
# on it but the size of the input, and a comparison of LIF with ALIF is one of neurons with and without synapses.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 h5py==3.16.0 pbr==7.1.3 matplotlib==3.11.2
pip install --quiet --no-compile --no-deps sinabs==3.1.3 nir==1.0.4 nirtorch==2.6
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from sinabs.layers import ALIF, LIF

print("sinabs", version("sinabs"), "torch", torch.__version__)
pulse = torch.zeros(1, 60, 1)
pulse[:, 0] = 1.0
left, rise = {}, {}
for tau_syn in (2.0, 10.0, 50.0):
    for name, layer in (
        ("LIF", LIF(tau_mem=20.0, tau_syn=tau_syn, spike_threshold=torch.tensor(100.0), record_states=True)),
        ("ALIF", ALIF(tau_mem=20.0, tau_adapt=100.0, tau_syn=tau_syn, spike_threshold=torch.tensor(100.0), record_states=True)),
    ):
        with torch.no_grad():
            layer(pulse)
        current, potential = (layer.recordings[state][0, :, 0] for state in ("i_syn", "v_mem"))
        left[name, tau_syn], rise[name, tau_syn] = (current[1] / current[0]).item(), int(potential.argmax())
        print(f"{name}, synapse of {tau_syn:.0f} steps: {left[name, tau_syn]:.1%} of its current are left after a step,",
              f"the membrane is highest {rise[name, tau_syn]} steps after the pulse")
for tau_syn in (2.0, 10.0, 50.0):
    decay = torch.exp(torch.tensor(-1 / tau_syn)).item()
    assert abs(left["LIF", tau_syn] - decay) < 1e-6 and rise["LIF", tau_syn] >= 4
    assert left["ALIF", tau_syn] < 0.05 and rise["ALIF", tau_syn] == 0
PY
