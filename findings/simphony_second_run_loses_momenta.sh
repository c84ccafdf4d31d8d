#!/bin/sh
# Simphony: the second run with the same quantum state loses what the state had in its momenta.
#
# What it does: `QuantumSim.run()` appends vacuum modes to the state object that it was given and turns it into another
# order of its variables. The next run appends again, as if the order were the first, so that momenta end up where no
# port reads them. This happens for a second `run()` and for another simulation with the same state.
# One would guess: a run leaves its input alone, and the same simulation has the same result.
# Who is hurt: whoever makes a state once and sweeps a phase, a length or a coupling: the first point is right, all others
# have lost the momenta, and a squeezed state is quiet in one quadrature without being loud in the other.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile simphony==0.7.3 sax==0.14.7 jax==0.9.2 numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2
python -W ignore - <<'PY'
from importlib.metadata import version
import jax.numpy as jnp, numpy as np
from simphony.libraries import ideal
from simphony.quantum import CoherentState, QuantumSim, SqueezedState

print("simphony", version("simphony"), "sax", version("sax"), "jax", version("jax"))
wl = jnp.array([1.55])


def output(state, length):
    simulation = QuantumSim(ckt=ideal.waveguide, wl=wl, length=length)
    simulation.add_qstate(state)
    result, modes = simulation.run(), simulation.unitary.shape[1]
    mean, cov = np.asarray(result.means[0]), np.asarray(result.cov[0])
    return float(mean[1] ** 2 + mean[modes + 1] ** 2), np.linalg.eigvalsh(cov[np.ix_([1, modes + 1], [1, modes + 1])])


makers = {"one state for all": None, "a new state each": None}
photons, noise = {}, {}
for name in makers:
    coherent, squeezed = CoherentState("o0", 3.0 + 4.0j), SqueezedState("o0", 1.0, 0.0)
    photons[name], noise[name] = [], []
    for length in (10.0, 11.0, 12.0):
        if name == "a new state each":
            coherent, squeezed = CoherentState("o0", 3.0 + 4.0j), SqueezedState("o0", 1.0, 0.0)
        photons[name].append(output(coherent, length)[0])
        noise[name].append(output(squeezed, length)[1])
    print(f"{name}, three waveguides without loss: photons of 3 + 4j {np.round(photons[name], 2).tolist()},",
          f"variances of a squeezed state {np.round(noise[name], 3).tolist()}")
assert np.allclose(photons["a new state each"], 25) and np.allclose(photons["one state for all"], [25, 9, 9])
expected = np.exp([-2.0, 2.0]) / 4
assert np.allclose(noise["a new state each"], [expected] * 3) and np.allclose(noise["one state for all"][0], expected)
assert np.allclose([pair[1] for pair in noise["one state for all"][1:]], 0.25)
PY
