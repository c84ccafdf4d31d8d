#!/bin/sh
# ngspice 39: a parameter defined as `agauss(...)` is no number but a rule: each resistor that names it draws another value.
#
# What it does: with `.param g=agauss(1k,300,3)` 64 resistors `{g}` have 64 values, `{g/g}` is not 1, and a parameter of a
# subcircuit differs between two devices of the same instance. The same holds for gauss, unif, aunif and limit, and for
# parameters that scale such a draw. A parameter that is nothing but another's name, `.param h={g}`, is drawn once, and so
# is one that is handed to a subcircuit in its call.
# One would guess: a parameter is evaluated once, as the manual has it, so that all devices that name it share the draw.
# Who is hurt: whoever writes one draw per wafer, array or cell: the common variation becomes a mismatch of single devices,
# averages out over rows and columns, and pairs that should cancel do not. The name of a name (`h` above) is a way round.
# ngspice is in no Python package index: it has to be on the PATH.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
export HOME="$work"
ngspice --version | sed -n 's/^\*\* \(ngspice-[^ ]*\).*/\1/p'
cat > show.py <<'PY'
import re
import subprocess

ways = {
    "agauss": ".param g=agauss(1k,300,3)",
    "agauss in braces": ".param g={agauss(1k,300,3)}",
    "gauss": ".param g=gauss(1k,0.3,3)",
    "unif": ".param g=unif(1k,0.3)",
    "aunif": ".param g=aunif(1k,300)",
    "limit": ".param g=limit(1k,300)",
    "scaled": ".param plain=1k\n.param g={plain*agauss(1,0.3,3)}",
    "name of a name": ".param base=agauss(1k,300,3)\n.param g={base}",
}


def simulate(lines, names):
    prints = "\n".join(f"print @{name}[resistance]" for name in names)
    text = f"random parameters\n{lines}\nV1 in 0 1\n.op\n.control\nset numdgt=12\nop\n{prints}\nquit\n.endc\n.end\n"
    open("net.cir", "w").write(text)
    said = subprocess.run(["ngspice", "-n", "-b", "net.cir"], capture_output=True, text=True)
    values = [float(v) for v in re.findall(r"^@\S+\[resistance\] = (\S+)", said.stdout, re.M)]
    assert len(values) == len(names) and "warning" not in (said.stdout + said.stderr).lower()
    return values


distinct = {}
for name, parameter in ways.items():
    resistors = "\n".join(f"R{i} in 0 {{g}}" for i in range(64))
    values = simulate(f"{parameter}\n{resistors}", [f"r{i}" for i in range(64)])
    distinct[name] = len(set(values))
    print(f"{name}: 64 resistors have {distinct[name]} values from {min(values):.1f} to {max(values):.1f} ohms")
(ratio,) = simulate(".param g=agauss(1k,300,3)\nR1 in 0 {g/g}", ["r1"])
cell = ".subckt cell a\n.param r=agauss(1k,300,3)\nR1 a 0 {r}\nR2 a 0 {r}\n.ends\nX1 in cell"
called = ".subckt cell a r=1k\nR1 a 0 {r}\nR2 a 0 {r}\n.ends\nX1 in cell r={agauss(1k,300,3)}"
inside, handed = (simulate(lines, ["r.x1.r1", "r.x1.r2"]) for lines in (cell, called))
print("g divided by g:", ratio)
print("two resistors of one instance, parameter inside:", *inside, "handed over:", *handed)
assert all(distinct[name] == 64 for name in ways if name not in ("limit", "name of a name"))
assert distinct["limit"] == 2 and distinct["name of a name"] == 1
assert ratio != 1 and inside[0] != inside[1] and handed[0] == handed[1]
PY
python3 show.py
