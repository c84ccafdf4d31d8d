#!/bin/sh
# SAX: what an MMI splitter passes at 1.3 um depends on which other wavelengths are simulated with it.
#
# What it does: the models `mmi1x2` and `mmi2x2` divide their spectrum by its largest value among the wavelengths of the
# call. With one wavelength that is the value itself, so the splitter has its best transmission at any wavelength.
# One would guess: a transmission that is a function of the wavelength, with the loss `loss_dB` at the centre, as it says.
# Who is hurt: whoever optimises or trains a circuit at a few wavelengths, one per call or in a window beside the centre:
# bandwidth is no limit there, and a sweep over the whole band shows another circuit.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile sax==0.18.2 jax==0.9.2 numpy==2.4.6
python -W ignore - <<'PY'
import jax, numpy as np, sax

print("sax", sax.__version__, "jax", jax.__version__)
sax.set_port_naming_strategy("optical")
band = np.linspace(1.2, 1.9, 71)
lower = band[:11]
for name in ("mmi1x2", "mmi2x2"):
    model = getattr(sax.models, name)

    def power(wavelengths):
        return np.abs(np.asarray(model(wl=wavelengths)["o1", "o3"])) ** 2

    alone = np.array([power(wavelength) for wavelength in band])
    at = {"alone": float(alone[10]), "from 1.2 to 1.3 um": power(lower)[10], "from 1.2 to 1.9 um": power(band)[10]}
    print(f"{name}: power at {band[10]:.2f} um to one output:",
          ", ".join(f"{key} {value:.2e}" for key, value in at.items()))
    print(f"  each of the {len(band)} wavelengths alone: from {alone.min():.4f} to {alone.max():.4f}; in one sweep from",
          f"{power(band).min():.1e} to {power(band).max():.4f}")
    assert np.isclose(at["alone"], 10**-0.03 / 2) and np.isclose(at["from 1.2 to 1.3 um"], at["alone"])
    assert at["from 1.2 to 1.9 um"] < 1e-4 and np.ptp(alone) < 1e-6
PY
