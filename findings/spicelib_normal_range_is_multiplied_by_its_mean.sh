#!/bin/sh
# spicelib: a parameter that is normal between 900 and 1100 gets a standard deviation of 33333 in a Monte Carlo test bench.
#
# What it does: `prepare_testbench` writes a sixth of the range, 33.3, into a function that takes it relative to the mean:
# `mean*(1+gauss(df6))`. The other way of the same class, a netlist per run, draws with 33.3. A tolerance, and a
# uniform range, are right in the test bench.
# One would guess: the two ways of one class draw from one distribution, and nearly all draws lie in the range.
# Who is hurt: whoever gives a range for parameters in units other than one: of resistances around 1000 nearly half
# are negative, and capacitances around 1e-12 are all the same. Only at a mean of 1 it fits. A way round: a netlist per run
# (`run_analysis`), or a parameter around 1 that scales the nominal value.
# LTspice, for which the test bench is written, does not have to be installed.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export HOME="$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile numpy==2.4.6 psutil==7.2.2
pip install --quiet --no-compile --no-deps spicelib==1.6.4
python -W ignore - <<'PY'
import random
import re
import statistics
from importlib.metadata import version
from spicelib import SimRunner, SpiceEditor
from spicelib.sim.tookit.montecarlo import Montecarlo
from spicelib.simulators.ltspice_simulator import LTspice

print("spicelib", version("spicelib"))
draw = random.Random(0)
known = {"gauss": lambda sigma: draw.gauss(0, sigma), "flat": lambda width: draw.uniform(-width, width)}


def both_ways(distribution, low, high):
    """Mean and standard deviation of a parameter: drawn by the functions of the test bench, and by the class itself."""
    open("net.net", "w").write(f"* one parameter\nV1 in 0 1\nR1 in 0 {{g}}\n.param g={(low + high) / 2}\n.op\n.end\n")
    analysis = Montecarlo(SpiceEditor("net.net"), SimRunner(simulator=LTspice, output_folder="runs"))
    analysis.set_parameter_deviation("g", low, high, distribution)
    value, deviation = analysis.get_parameter_value_deviation_type("g")
    alone = [float(analysis._get_sim_value(value, deviation)) for _ in range(4000)]
    analysis.prepare_testbench(num_runs=10)
    analysis.save_netlist("bench.net")
    bench = open("bench.net").read()
    name, arguments = re.search(r"\.param g=\s*{(\w+)\((.*)\)}", bench).groups()
    names, body = re.search(rf"\.func {name}\((.*?)\) if\(run<0, nom, (.*)\)", bench).groups()
    print(f".param g={{{name}({arguments})}} with {name}({names}) = {body}")
    scope = {**known, **dict(zip(names.split(","), map(float, arguments.split(","))))}
    drawn = [eval(body, scope) for _ in range(4000)]
    return [(statistics.mean(values), statistics.stdev(values)) for values in (drawn, alone)]


found = {}
for distribution, low, high in (("uniform", 900, 1100), ("normal", 900, 1100), ("normal", 0.9, 1.1), ("normal", 0.9e-3, 1.1e-3)):
    (_, bench), (_, alone) = found[distribution, low] = both_ways(distribution, low, high)
    print(f"{distribution} from {low} to {high}: standard deviation {bench:.3g} in the test bench, {alone:.3g} in single netlists")
ratio = {case: bench[1] / alone[1] for case, (bench, alone) in found.items()}
assert 0.9 < ratio["uniform", 900] < 1.1 and 0.9 < ratio["normal", 0.9] < 1.1
assert 900 < ratio["normal", 900] < 1100 and 0.9e-3 < ratio["normal", 0.9e-3] < 1.1e-3
assert abs(found["normal", 900][1][1] - 200 / 6) < 3
PY
