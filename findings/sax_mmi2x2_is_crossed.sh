#!/bin/sh
# SAX: the bar and the cross port of the MMI `mmi2x2` are those of an ideal coupler exchanged.
#
# What it does: light into `o1`, below on the left, leaves by `o4`, below on the right, as the share "thru" in every coupler of
# the library, in the ideal MMI, and in the drawing and the example of `mmi2x2` itself. In `mmi2x2` it leaves there as "cross".
# One would guess: with a tenth of cross coupling `mmi2x2` is an ideal coupler of a tenth, but for its loss and its bandwidth.
# Who is hurt: whoever replaces the ideal couplers of a mesh by MMIs to see what imperfections do: unless the split is
# half and half the matrix is another one, and what looks like the effect of the imperfections is the exchange.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile sax==0.18.2 jax==0.9.2 numpy==2.4.6
python -W ignore - <<'PY'
import inspect
import numpy as np, sax

print("sax", sax.__version__, "numpy", np.__version__)
sax.set_port_naming_strategy("optical")
models = {
    "coupler_ideal, 10 %": sax.models.coupler_ideal(coupling=0.1),
    "mmi2x2, cross 10 %, thru 90 %, no loss": sax.models.mmi2x2(splitting_ratio_cross=0.1, splitting_ratio_thru=0.9, loss_dB=0.0),
    "mmi2x2_ideal": sax.models.mmi2x2_ideal(),
    "mmi2x2, no loss": sax.models.mmi2x2(loss_dB=0.0),
}
passed = {}
for name, model in models.items():
    passed[name] = {port: complex(np.ravel(np.asarray(model["o1", port]))[0]) for port in ("o3", "o4")}
    print(f"{name}: from o1", ", ".join(f"to {port} {value:.3f}, power {abs(value) ** 2:.2f}" for port, value in passed[name].items()))
example = [line.strip() for line in inspect.getdoc(sax.models.mmi2x2).splitlines() if line.strip().startswith(("thru =", "cross ="))]
print("the example of mmi2x2:", example)
ideal, real, half, real_half = passed.values()
assert np.isclose(abs(ideal["o4"]) ** 2, 0.9) and np.isclose(abs(real["o4"]) ** 2, 0.1)
assert np.isclose(half["o4"], 0.5**0.5) and np.isclose(real_half["o3"], 0.5**0.5) and np.isclose(real_half["o4"], 0.5**0.5 * 1j)
assert any(line.startswith("thru") and '"o4"' in line for line in example)
PY
