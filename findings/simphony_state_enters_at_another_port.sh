#!/bin/sh
# Simphony: a quantum state on the third or a later port of a circuit enters at the second one.
#
# What it does: `QuantumSim` puts the state on the ports by a permutation where its inverse is needed. For one state on the
# first or second port, in the order of their names, they are the same. A state on the third enters at the second, and of
# two states that were named in the other order both may.
# One would guess: a coherent state on a port does what a laser on that port does in `ClassicalSim`.
# Who is hurt: whoever feeds the lower input of a coupler with the library's own names (`o0` and `o2` on the left): the state
# enters on the right, and all powers at the outputs are wrong, without a message.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile simphony==0.7.3 sax==0.14.7 jax==0.9.2 numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2
python -W ignore - <<'PY'
from importlib.metadata import version
import jax.numpy as jnp, numpy as np, sax
from simphony.classical import ClassicalSim
from simphony.libraries import ideal
from simphony.quantum import CoherentState, QuantumSim

print("simphony", version("simphony"), "sax", version("sax"), "jax", version("jax"))
ports = ["o0", "o1", "o2", "o3"]


def coupler(*, wl=1.55):
    return {ends: value * jnp.ones_like(wl, dtype=complex) for ends, value in ideal.coupler(coupling=0.1).items()}


wl = jnp.array([1.55])
right = {}
for port in ports:
    classical = ClassicalSim(ckt=coupler, wl=wl)
    classical.add_laser(ports=port, power=4.0)
    detectors = classical.add_detector(ports=[end for end in ports if (end, port) in coupler()])
    classical.run()
    light = {end: float(detector.power[0]) for end, detector in classical.detectors.items()}
    quantum = QuantumSim(ckt=coupler, wl=wl)
    quantum.add_qstate(CoherentState(port, 2.0 + 0.0j))
    means, modes = np.asarray(quantum.run().means[0]), quantum.unitary.shape[1]
    photons = {end: means[i] ** 2 + means[modes + i] ** 2 for i, end in enumerate(ports)}
    right[port] = all(np.isclose(photons[end], light.get(end, 0)) for end in ports)
    print(f"4 at {port}, a coupler with 10 %: as a laser {({k: round(v, 2) for k, v in light.items()})},",
          f"as a coherent state {({k: round(float(v), 2) for k, v in photons.items() if v > 1e-9})}")
assert right == {"o0": True, "o1": True, "o2": False, "o3": False}
PY
