#!/bin/sh
# scikit-rf: admittances that it wrote to a Touchstone file itself come back 2500 times too large.
#
# What it does: in version 1 of the format matrices are normalised to the reference R: Z is divided by R, Y is multiplied by it, and
# so scikit-rf writes them. Reading, it multiplies every kind of matrix by R. Z is right; Y is R^2 = 2500 times too large, one
# element of H and of G as well, and two of each R times. Files of version 2 and files with R = 1 are right, and so are files of S.
# One would guess: what is written is what is read, and a file of another program has the values that the format says.
# Who is hurt: whoever exchanges the conductance matrix of a crossbar or of its wires, or a transistor's Y or H parameters: 100
# microsiemens arrive as 0.25 siemens, without a warning, and a passive network stays passive.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 typing_extensions==4.16.0
pip install --quiet --no-compile --no-deps scikit-rf==2.2.0
python -W ignore - <<'PY'
from importlib.metadata import version
import numpy as np
import skrf

print("scikit-rf", version("scikit-rf"), "numpy", np.__version__)
siemens = 1e-6 * np.array([[120, -40], [-30, 90]])
array = skrf.Network(frequency=skrf.Frequency(1, 2, 2, "mhz"), y=np.array([siemens, siemens]), z0=50)
found = {}
for kind in "SZYGH":
    for how, options in (("version 1", {}), ("version 1 with R 1", {"r_ref": 1}), ("version 2", {"version": "2.0"})):
        name = f"{kind}-{len(found)}.{'ts' if 'version' in options else kind.lower() + '2p'}"
        array.write_touchstone(name, parameter=kind, **options)
        read = skrf.Network(name)
        read.renormalize(50)
        ratio = (getattr(read, kind.lower())[0] / getattr(array, kind.lower())[0]).real
        found[kind, how] = ratio
        print(f"{kind}, {how}: read / written {ratio.round(3).tolist()}, Y11 read {read.y[0, 0, 0].real:.3g} S")
with open("other.y2p", "w") as file:
    file.write("# MHZ Y RI R 50\n1 6e-3 0 -1.5e-3 0 -2e-3 0 4.5e-3 0\n2 6e-3 0 -1.5e-3 0 -2e-3 0 4.5e-3 0\n")
print("a file with Y11 * R = 0.006: Y11 read", skrf.Network("other.y2p").y[0, 0, 0].real, "S, for the format", 0.006 / 50)
wrong = {"Y": [[2500, 2500], [2500, 2500]], "G": [[2500, 50], [50, 1]], "H": [[1, 50], [50, 2500]]}
for (kind, how), ratio in found.items():
    assert np.allclose(ratio, wrong[kind] if kind in wrong and how == "version 1" else 1, rtol=1e-6)
assert abs(skrf.Network("other.y2p").y[0, 0, 0].real - 0.3) < 1e-9
PY
