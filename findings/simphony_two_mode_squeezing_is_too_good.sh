#!/bin/sh
# Simphony: the two-mode squeezed state is less noisy than physics allows.
#
# What it does: the covariance of `TwoModeSqueezedState` links positions and momenta with the same sign, where momenta need
# the opposite one. So the difference of the two modes is quiet in both quadratures, and after a 50:50 coupler one output
# has both below the noise of the vacuum. With unequal thermal parts each mode also has the momentum noise of the other.
# One would guess: the usual state, with quiet x1 - x2 and p1 + p2, whose symplectic eigenvalues are those of the vacuum.
# Who is hurt: whoever computes entanglement, key rates or sensing from it: noise is below the limit by any factor, with
# 8.7 dB of squeezing by a factor of 7, and results are better than any experiment can be.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile simphony==0.7.3 sax==0.14.7 jax==0.9.2 numpy==2.4.6 scipy==1.17.1 matplotlib==3.11.2
python -W ignore - <<'PY'
from importlib.metadata import version
import jax.numpy as jnp, numpy as np
from simphony.quantum import SqueezedState, TwoModeSqueezedState, compose_qstate

print("simphony", version("simphony"), "sax", version("sax"), "jax", version("jax"))
vacuum = 0.25
form = np.kron(np.eye(2), [[0, 1], [-1, 0]])


def smallest(cov):
    return np.abs(np.linalg.eigvals(1j * form @ cov)).min()


pair = compose_qstate(SqueezedState("a", 1.0, 0.0), SqueezedState("b", 1.0, np.pi))
found = {"two squeezed modes": smallest(np.asarray(pair.cov))}
for r in (0.0, 0.5, 1.0, 2.0):
    found[f"two-mode squeezed, r={r}"] = smallest(np.asarray(TwoModeSqueezedState(r, 0.0, 0.0, "a", "b").cov))
for name, value in found.items():
    print(f"{name}: smallest symplectic eigenvalue {value / vacuum:.3f} of the vacuum's")
cov = np.asarray(TwoModeSqueezedState(1.0, 0.0, 0.0, "a", "b").cov)
minus, plus = np.array([1, 0, -1, 0]) / 2**0.5, np.array([1, 0, 1, 0]) / 2**0.5
momenta = {"p1 - p2": np.roll(minus, 1), "p1 + p2": np.roll(plus, 1)}
variance = {name: row @ cov @ row / vacuum for name, row in {"x1 - x2": minus, **momenta}.items()}
print("r=1, variances by the vacuum's:", {name: round(float(value), 3) for name, value in variance.items()})
thermal = np.asarray(TwoModeSqueezedState(0.0, 3.0, 0.0, "a", "b").cov)
print("no squeezing, 3 thermal photons in a, none in b: variances", np.diag(thermal).tolist())
assert np.isclose(found["two squeezed modes"], vacuum) and np.isclose(found["two-mode squeezed, r=0.0"], vacuum)
assert all(np.isclose(found[f"two-mode squeezed, r={r}"], vacuum * np.exp(-2 * r)) for r in (0.5, 1.0, 2.0))
assert np.isclose(variance["x1 - x2"], np.exp(-2)) and np.isclose(variance["p1 - p2"], np.exp(-2))
assert np.diag(thermal).tolist() == [1.75, 0.25, 0.25, 1.75]
PY
