#!/bin/sh
# ngspice 39: `table` in an E or G source does not go through its own points; `pwl` of the same points in a B source does.
#
# What it does: `table` becomes a piecewise linear model that rounds each corner over a tenth of the shorter neighbouring
# segment, and holds the first and the last value outside. A ReLU from -1 to 1 gives 25 mV at 0 V and 975 mV at 1 V. `pwl` in
# a B source is exact at the points, and goes on along its outer segments for ever.
# One would guess: linear between the points, as the manual says, and the same curve by either word.
# Who is hurt: whoever puts an activation, a converter or a measured device curve into a netlist as a table: neurons that
# should be silent put out 2.5 % of the range, more points move the error but do not end it, and a change to `pwl` to get
# rid of it takes the saturation away.
# ngspice is in no Python package index: it has to be on the PATH.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export HOME="$work"
ngspice --version | sed -n 's/^\*\* \(ngspice-[^ ]*\).*/\1/p'
cat > curves.cir <<'N'
one curve as a table and as pwl
V1 in 0 0
E1 table 0 table {v(in)} = (-1,0) (0,0) (1,1)
G2 0 tableg table {v(in)} = (-1,0) (0,0) (1,1)
R2 tableg 0 1
B3 pwl 0 V=pwl(v(in), -1,0, 0,0, 1,1)
E4 fine 0 table {v(in)} = (-1,0) (-0.5,0) (0,0) (0.5,0.5) (1,1)
.dc V1 -2 2 0.5
.control
run
wrdata curves.txt v(table) v(tableg) v(pwl) v(fine)
quit
.endc
.end
N
ngspice -n -b curves.cir > printed.txt 2>&1 || true
python3 - <<'PY'
curve = {}
for line in open("curves.txt"):
    row = [float(number) for number in line.split()]
    curve[round(row[0], 3)] = row[1::2]
print("in: E table, G table, B pwl, E table with twice the points; points of the curve at -1, 0 and 1 V")
for x, values in curve.items():
    print(f"{x:5.1f}:", *(f"{value:7.4f}" for value in values))
close = lambda a, b: abs(a - b) < 1e-6
for table in (0, 1):
    assert close(curve[0.0][table], 0.025) and close(curve[1.0][table], 0.975) and close(curve[0.5][table], 0.5)
    assert close(curve[2.0][table], 1) and close(curve[-2.0][table], 0)
assert close(curve[0.0][2], 0) and close(curve[1.0][2], 1) and close(curve[2.0][2], 2)
assert close(curve[0.0][3], 0.0125) and close(curve[1.0][3], 0.9875)
assert not any("warning" in line.lower() and "compat" not in line.lower() for line in open("printed.txt"))
PY
