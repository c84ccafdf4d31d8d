#!/bin/sh
# ngspice 39: a resistor with a formula keeps its `tc1`, and drops `temp`, `dtemp` and `tc` without a word.
#
# What it does: a resistor with a plain value takes its own temperature (`temp`, `dtemp`) and coefficients (`tc1`, or `tc`).
# When the value is a formula, R='...', the program makes a B source of it: of these four only `tc1` goes along, and it is
# applied at the circuit's temperature.
# One would guess: the same words on the same part mean the same; or the ones it does not know are refused.
# Who is hurt: whoever makes a cell's resistance depend on its voltage, to model a memristor, and heats single cells by `dtemp`
# or gives them `tc=...`: the array stays at one temperature, and the cells that are plain resistors react as they should.
# ngspice is in no Python package index: it has to be on the PATH.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export HOME="$work"
ngspice --version | sed -n 's/^\*\* \(ngspice-[^ ]*\).*/\1/p'
cat > hot.py <<'PY'
import subprocess

VALUES = {"1k": "1k", "R='...'": "R='1k*(1+0*v(a))'"}
WORDS = ("tc1=0.001", "tc=0.001", "tc1=0.001 dtemp=50", "tc1=0.001 temp=77")
ohms, said = {}, ""
for words in WORDS:
    for name, value in VALUES.items():
        netlist = f"hot\n.options temp=127 tnom=27\nV1 a 0 1\nR1 a 0 {value} {words}\n.op\n.control\nrun\nprint i(v1)\nquit\n.endc\n.end\n"
        open("hot.cir", "w").write(netlist)
        done = subprocess.run(["ngspice", "-n", "-b", "hot.cir"], capture_output=True, text=True)
        said += done.stdout + done.stderr
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("i(v1) = ")]
        ohms[words, name] = -1 / float(line.split("=")[1])
    print(f"1 kOhm at 27 C, circuit at 127 C, {words:19s}:", ", ".join(f"{name}: {ohms[words, name]:.0f} Ohm" for name in VALUES))
expected = {"tc1=0.001": (1100, 1100), "tc=0.001": (1100, 1000), "tc1=0.001 dtemp=50": (1150, 1100), "tc1=0.001 temp=77": (1050, 1100)}
assert all(abs(ohms[words, name] - ohm) < 0.5 for words, pair in expected.items() for name, ohm in zip(VALUES, pair))
assert not any("warning" in line.lower() and "compat" not in line.lower() for line in said.splitlines())
PY
python3 hot.py
