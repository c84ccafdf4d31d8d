#!/bin/sh
# SAX: an admittance of 1/50 siemens passes 2 % of the wave, an impedance of 50 ohms 67 %.
#
# What it does: `rf.admittance` takes its argument in siemens and uses it as if it were a number of its own: the wave that
# passes is y / (1 + y). That is the series element of the admittance only if 2 * Y * Z0 is given.
# One would guess: the S matrix of `rf.impedance` with z = 1 / y.
# Who is hurt: whoever puts a conductance, such as a memristor's, into an RF circuit: between ports of 50 ohms each is 100
# times too small, 20 mS act like 0.2 mS.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile sax==0.18.2 jax==0.9.2 numpy==2.4.6
python -W ignore - <<'PY'
import jax, numpy as np, sax
from sax.models import rf

print("sax", sax.__version__, "jax", jax.__version__)
sax.set_port_naming_strategy("optical")

def series(z):
    a, b, c, d = 1, z / 50, 0, 1
    return np.array([a + b - c - d, 2]) / (a + b + c + d)

for resistance in (10, 50, 75, 1000, 100000):
    s = {}
    parts = {"impedance": rf.impedance(f=5e9, z=resistance), "admittance": rf.admittance(f=5e9, y=1 / resistance)}
    for name, part in parts.items():
        s[name] = np.array([complex(part["o1", "o1"]).real, complex(part["o1", "o2"]).real])
    print(f"{resistance} ohms, S11 and S21:",
          ", ".join(f"as an {name} {a:.4f} and {b:.6f}" for name, (a, b) in s.items()))
    assert np.allclose(s["impedance"], series(resistance))
    assert np.allclose(s["admittance"], series(100 * resistance))
PY
