#!/bin/sh
# ngspice 39: a subcircuit called with `m=2` is not two of it: current mirrors count four times, B sources and switches once.
#
# What it does: `m` on a call is handed to each part inside. Resistors and sources with the letters G and I double. A current-
# controlled source (F) doubles too, but the current it senses has doubled already, so its part of the sum comes four times.
# A B source and a voltage-controlled switch (S) do not get the factor at all. No line says so.
# One would guess: `m=2` is what two calls side by side are, or the program refuses a part it cannot multiply.
# Who is hurt: whoever writes a memristor as a B source, or a column's read-out as a mirror, and stands for N equal cells or
# N parallel columns by `m=N`: a resistive cell scales, the other one does not move, and the mirror grows with N squared.
# ngspice is in no Python package index: it has to be on the PATH.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export HOME="$work"
ngspice --version | sed -n 's/^\*\* \(ngspice-[^ ]*\).*/\1/p'
cat > cells.py <<'PY'
import subprocess

CELLS = {
    "resistor": "R1 a b 1k",
    "resistor R='...'": "R1 a b R='1k*(1+0*v(a,b))'",
    "G source": "G1 a b value={1m*v(a,b)}",
    "B source": "B1 a b I=1m*v(a,b)",
    "switch": "S1 a b a b closed\n.model closed sw(vt=0.5 ron=1k)",
    "resistor and mirror": "Vsense a x 0\nR1 x b 1k\nF1 a b Vsense 1",
}
CALLS = {"one": "X1 top 0 cell", "two": "X1 top 0 cell\nX2 top 0 cell", "m=2": "X1 top 0 cell m=2", "m=3": "X1 top 0 cell m=3"}
current, said = {}, ""
for name, cell in CELLS.items():
    for how, call in CALLS.items():
        netlist = f"cells\nV1 top 0 1\n{call}\n.subckt cell a b\n{cell}\n.ends\n.op\n.control\nrun\nprint i(v1)\nquit\n.endc\n.end\n"
        open("cells.cir", "w").write(netlist)
        done = subprocess.run(["ngspice", "-n", "-b", "cells.cir"], capture_output=True, text=True)
        said += done.stdout + done.stderr
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("i(v1) = ")]
        current[name, how] = -1000 * float(line.split("=")[1])
    print(f"{name:20s}", ", ".join(f"{how}: {current[name, how]:.3f} mA" for how in CALLS))
for name in ("resistor", "resistor R='...'", "G source"):
    assert abs(current[name, "m=2"] - current[name, "two"]) < 1e-4
for name in ("B source", "switch"):
    assert abs(current[name, "two"] - 2) < 1e-4 and abs(current[name, "m=2"] - 1) < 1e-4 and abs(current[name, "m=3"] - 1) < 1e-4
mirror = [current["resistor and mirror", how] for how in ("one", "two", "m=2", "m=3")]
assert all(abs(got - expected) < 1e-4 for got, expected in zip(mirror, (2, 4, 6, 12)))
assert not any("warning" in line.lower() and "compat" not in line.lower() for line in said.splitlines())
PY
python3 cells.py
