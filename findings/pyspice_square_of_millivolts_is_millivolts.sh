#!/bin/sh
# PySpice: the square of 2 mV is 4 mV, and the square of 1 kHz is 1 kHz.
#
# What it does: a power acts on the number before the unit alone; the prefix and the unit stay as they were. A square of
# milli is 1000 times too large, one of kilo 1000 times too small, and the result still counts as volts. Products are
# right: `v * v` has the value and the unit of a square. Without a prefix the value is right and the unit is not.
# One would guess: `v**2` is `v * v`, or an error.
# Who is hurt: whoever computes a power from `v**2 / r` or `i**2 * r`, or a capacitor from a resonance: the netlist below
# is written with a capacitor 1000 times too large, and nothing is said.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 cffi==2.1.1 ply==3.11 pyyaml==6.0.4
pip install --quiet --no-compile --no-deps PySpice==1.5
python -W ignore - <<'PY'
import math
from importlib.metadata import version
from PySpice.Spice.Netlist import Circuit
from PySpice.Unit import u_kHz, u_kOhm, u_mA, u_mH, u_mV, u_V

print("PySpice", version("PySpice"))
v, i, r = 2 @ u_mV, 1 @ u_mA, 1 @ u_kOhm
print(f"(2 mV)**2 = {v**2}, as a number {float(v**2)}; 2 mV * 2 mV = {float(v * v)}")
print(f"power of 1 mA in 1 kOhm: i**2 * r = {i**2 * r}, i * i * r = {i * i * r}")
print(f"square of a square root of 4 mV: {((4 @ u_mV)**0.5)**2}; (2 mV)**2 + 1 V = {v**2 + (1 @ u_V)}")
frequency, inductor = 1 @ u_kHz, 1 @ u_mH
capacitor = 1 / ((2 * math.pi * frequency)**2 * inductor)
circuit = Circuit("resonance at 1 kHz")
circuit.L(1, "a", "b", inductor)
circuit.C(1, "b", circuit.gnd, capacitor)
print(str(circuit).strip())
resonance = 1 / (2 * math.pi * math.sqrt(1e-3 * float(capacitor)))
print(f"this resonates at {resonance:.1f} Hz")
assert math.isclose(float(v**2), 4e-3) and math.isclose(float(v * v), 4e-6)
assert math.isclose(float(i**2 * r), 1) and math.isclose(float(i * i * r), 1e-3)
assert math.isclose(resonance, 1000 / math.sqrt(1000))
PY
