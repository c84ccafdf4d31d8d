#!/bin/sh
# spicelib: numbers that are set in a netlist keep six significant digits.
#
# What it does: `set_component_value` and `set_parameters` write a float with a suffix and six digits: 303030.30303 becomes
# 303.03k, 999999.9 becomes 1000k.
# One would guess: a float goes into the netlist with all its digits, as with str().
# Who is hurt: whoever writes conductances (1 / G) into a crossbar to check a solver to 1e-9, or perturbs a device for a
# finite difference: a change of 1e-7 is no change at all. Setting a string keeps the digits.
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
    file.write("* one device\nV1 in 0 1\nR1 in 0 1k\n.param x=1\n.op\n.end\n")
netlist = SpiceEditor("a.net")
kept = {}
for value in (1 / 3.3e-6, 1 / 3.3e-6 * (1 + 1e-7), 999999.9, 20000.0):
    netlist.set_component_value("R1", value)
    netlist.set_parameters(x=value)
    kept[value] = netlist.get_component_value("R1")
    print(repr(value), "becomes", kept[value], "as a value and", netlist.get_parameter("x"), "as a parameter")
netlist.set_component_value("R1", repr(1 / 3.3e-6))
print("as a string:", netlist.get_component_value("R1"))
written = list(kept.values())
assert written[0] == written[1] == "303.03k" and written[2] == "1000k"
assert netlist.get_component_value("R1") == repr(1 / 3.3e-6)
PY
