#!/bin/sh
# ngspice 39: a parameter with the name `e` has its own value in some lines of a netlist and is 2.71828 in others.
#
# What it does: sources, resistances, other parameters and functions of .param see the parameter. A B source, and what
# ngspice turns into one (a resistance that depends on a voltage, an E source with `vol=`), takes `e` for
# Euler's number, also in braces and within a subcircuit that has a parameter `e` of its own. So do `pi`, `temper`, `hertz`
# and `time`. No line says so.
# One would guess: a name that the netlist defines is that parameter everywhere, or the program refuses the name.
# Who is hurt: whoever writes the law of a memristor as a B source with the letters of a paper (a field, an exponent, an
# energy): the parameter has no effect on it, while a resistor that is made of the same parameter is right.
# ngspice is in no Python package index: it has to be on the PATH.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export HOME="$work"
ngspice --version | sed -n 's/^\*\* \(ngspice-[^ ]*\).*/\1/p'
cat > names.cir <<'N'
the same devices, with parameters of the names e and n
.subckt device_e a b e=8
B1 a b I=v(a,b)*{e}*1m
.ends
.subckt device_n a b n=8
B1 a b I=v(a,b)*{n}*1m
.ends
.param e=8 n=8
.param other={2*e}
Vparam param 0 {other}
V1 resistor 0 1
R1 resistor 0 {1k/e}
V2 source_e 0 1
X2 source_e 0 device_e
V3 source_n 0 1
X3 source_n 0 device_n
V4 behaved 0 1
R4 behaved 0 R='1k/e+0*v(behaved)'
E5 doubled 0 vol='2*e'
.op
.control
run
print v(param)
print i(v1)
print i(v2)
print i(v3)
print i(v4)
print v(doubled)
quit
.endc
.end
N
ngspice -n -b names.cir > printed.txt 2>&1 || true
python3 - <<'PY'
import math

lines = open("printed.txt").read().splitlines()
value = {name.strip(): float(number) for name, number in (line.split(" = ") for line in lines if line.startswith(("v(", "i(")))}
print("a parameter of 8; what the same netlist makes of it:")
print("  name e, twice, by another parameter:", value["v(param)"])
print("  name e, mS of a resistor:           ", -1e3 * value["i(v1)"])
print("  name e, mS of a B source:           ", -1e3 * value["i(v2)"])
print("  name n, mS of a B source:           ", -1e3 * value["i(v3)"])
print("  name e, mS of a resistor R='...':   ", -1e3 * value["i(v4)"])
print("  name e, twice, by an E source:      ", value["v(doubled)"])
assert value["v(param)"] == 16 and abs(value["i(v1)"] + 8e-3) < 1e-8 and abs(value["i(v3)"] + 8e-3) < 1e-8
assert all(abs(value[name] + 1e-3 * math.e) < 1e-8 for name in ("i(v2)", "i(v4)")) and abs(value["v(doubled)"] - 2 * math.e) < 1e-5
assert not any("warning" in line.lower() and "compat" not in line.lower() for line in lines)
PY
