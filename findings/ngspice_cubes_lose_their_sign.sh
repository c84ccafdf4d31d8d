#!/bin/sh
# ngspice 39: the cube of a negative number is negative or positive, depending on where it stands and how it is written.
#
# What it does: `^` takes the absolute value of its base in a B source and in .param, not in the .control block. `pow` does
# so in a B source only, `pwr` (the power with the sign kept) in .param only: the two have each other's meaning there.
# `2^3^2` is 64 in the netlist and 512 in the .control block. The program has one evaluator for each place.
# One would guess: one program has one meaning for a power, and `x^3` or `pow(x,3)` of -2 is -8.
# Who is hurt: whoever writes a memristor's law, I = a V + b V^3, as a B source: below 0 V the cubic part has the wrong sign,
# and the device even delivers power. A check of the same formula in the .control block, or as a .param, looks fine.
# ngspice is in no Python package index: it has to be on the PATH.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export HOME="$work"
ngspice --version | sed -n 's/^\*\* \(ngspice-[^ ]*\).*/\1/p'
cat > powers.cir <<'N'
powers of a negative number in three places
.param p1={(-2)^3} p2={pow(-2,3)} p3={pwr(-2,3)} p4={2^3^2}
Vp1 p1 0 {p1}
Vp2 p2 0 {p2}
Vp3 p3 0 {p3}
Vp4 p4 0 {p4}
Vx x 0 -2
B1 b1 0 V=v(x)^3
B2 b2 0 V=pow(v(x),3)
B3 b3 0 V=pwr(v(x),3)
B4 b4 0 V=2^3^2
Vdevice d 0 -2
Bdevice d 0 I=1m*v(d)+1m*v(d)^3
.op
.control
run
print v(p1) v(b1) v(x)^3
print v(p2) v(b2)
print v(p3) v(b3)
print v(p4) v(b4) 2^3^2
print i(vdevice)
quit
.endc
.end
N
ngspice -n -b powers.cir > printed.txt 2>&1 || true
python3 - <<'PY'
values = dict(line.rsplit(" = ", 1) for line in open("printed.txt") if " = " in line and not line.startswith("Doing"))
value = {name.strip(): float(number) for name, number in values.items()}
print("x = -2 in .param, in a B source and in .control:")
print("  x^3     ", value["v(p1)"], value["v(b1)"], value["v(x)^3"])
print("  pow(x,3)", value["v(p2)"], value["v(b2)"])
print("  pwr(x,3)", value["v(p3)"], value["v(b3)"])
print("  2^3^2   ", value["v(p4)"], value["v(b4)"], value["2^3^2"])
print("a B source with I = 1m*v+1m*v^3, at -2 V:", -1000 * value["i(vdevice)"], "mA, for an odd law -10 mA")
assert (value["v(p1)"], value["v(b1)"], value["v(x)^3"]) == (8, 8, -8)
assert (value["v(p2)"], value["v(b2)"]) == (-8, 8) and (value["v(p3)"], value["v(b3)"]) == (8, -8)
assert (value["v(p4)"], value["v(b4)"], value["2^3^2"]) == (64, 64, 512) and abs(value["i(vdevice)"] + 6e-3) < 1e-8
PY
