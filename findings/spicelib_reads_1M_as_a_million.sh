#!/bin/sh
# spicelib: the value "1M" of a netlist is read as a million; SPICE itself reads a thousandth.
#
# What it does: `get_component_floatvalue` takes M for mega and "4k7" for 4700. For ngspice and LTspice M is milli (mega is
# MEG), and ngspice 39 reads 4k7 as 4k. What spicelib writes for a million, 1Meg, is right, so a round trip changes the netlist.
# One would guess: a library for SPICE netlists reads their suffixes as SPICE does.
# Who is hurt: whoever scales the resistances of a netlist by reading, multiplying and setting: a wire of 5M (5 milliohm)
# becomes 5 megohm, nine orders of magnitude, without a word.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile spicelib==1.6.4
python -W ignore - <<'PY'
from importlib.metadata import version
from spicelib import SpiceEditor

print("spicelib", version("spicelib"))
with open("a.net", "w") as file:
    file.write("* a wire of five milliohm\nV1 in 0 1\nR1 in out 5M\nR2 out 0 4k7\nR3 out 0 5MEG\n.op\n.end\n")
netlist = SpiceEditor("a.net")
read = {name: netlist.get_component_floatvalue(name) for name in ("R1", "R2", "R3")}
for name, value in read.items():
    print(name, netlist.get_component_value(name), "is read as", value)
netlist.set_component_value("R1", 2 * read["R1"])
print("R1 after doubling:", netlist.get_component_value("R1"))
assert read["R1"] == 5e6 == read["R3"] and read["R2"] == 4700 and netlist.get_component_value("R1").lower() == "10meg"
PY
