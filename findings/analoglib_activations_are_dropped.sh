#!/bin/sh
# analoglib: activations that `from_numpy` accepts are never computed.
#
# What it does: they are kept in the model's graph; the step that makes the simulator passes over them. The currents of one
# layer, in amperes, become the voltages of the next, in every mode, also "ideal". No warning.
# One would guess: `activations=["relu", None]` gives relu(x W1) W2 up to the scale of the conductances.
# Who is hurt: whoever measures the accuracy of a network of more than one layer: it is a single linear map.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile analoglib==0.1.0 numpy==2.4.6
python -W ignore - <<'PY'
import analoglib, numpy as np

print("analoglib", analoglib.__version__, "numpy", np.__version__)
rng = np.random.default_rng(0)
first, second, x = rng.standard_normal((8, 6)), rng.standard_normal((6, 4)), rng.uniform(0, 1, 8)
out = {}
for activations in ([None, None], ["relu", "relu"], ["relu", "softmax"]):
    model = analoglib.AnalogModel.from_numpy([first, second], activations=activations)
    model.compile(device=analoglib.IdealDevice())
    out[str(activations)] = model.simulate(x, mode="ideal").output
    print(activations, out[str(activations)])
linear = x @ first @ second
print("linear, normalised  ", linear / np.abs(linear).max())
outputs = list(out.values())
assert all(np.array_equal(outputs[0], other) for other in outputs[1:]) and (outputs[1] < 0).any()
assert np.allclose(outputs[1] / np.abs(outputs[1]).max(), linear / np.abs(linear).max())
PY
