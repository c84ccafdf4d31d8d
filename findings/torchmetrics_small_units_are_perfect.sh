#!/bin/sh
# torchmetrics: of currents in amperes every prediction has an R2 of 1, also zeros and the negative of the truth.
#
# What it does: `R2Score` takes sums of squares below 1e-4 for zero, whatever the unit. An error of zero is a score of 1, a target
# without spread one of 0: 1000 currents in microamperes give 1 for anything, in milliamperes 1 or 0. `RelativeSquaredError` divides
# by 1e-7 at least, a percentage error by 1e-6 at least, also for inputs in float64.
# `ExplainedVariance`, `PearsonCorrCoef` and `NormalizedRootMeanSquaredError` are right. No warning.
# One would guess: R2 has no unit, so a factor on both sides changes nothing.
# Who is hurt: whoever measures how well a device model or a crossbar's product fits in siemens, amperes or joules: the fit
# is perfect, and stays so when it breaks. It also depends on how many samples are added up. A way round: scale both to about 1.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 lightning-utilities==0.15.3 packaging==26.4
pip install --quiet --no-compile --no-deps torchmetrics==1.9.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from torchmetrics.regression import ExplainedVariance, MeanAbsolutePercentageError, R2Score, RelativeSquaredError

print("torchmetrics", version("torchmetrics"), "torch", torch.__version__)
torch.manual_seed(0)
truth = 0.5 + torch.rand(1000, dtype=torch.float64)
predictions = {"10 % off": truth * (1 + 0.1 * torch.randn(1000)), "zeros": 0 * truth, "the negative": -truth}
metrics = {
    "R2": R2Score,
    "explained variance": ExplainedVariance,
    "relative squared error": RelativeSquaredError,
    "percentage error": MeanAbsolutePercentageError,
}
found = {}
for unit in (1.0, 1e-3, 1e-6, 1e-9):
    for name, predicted in predictions.items():
        values = {}
        for metric, make in metrics.items():
            values[metric] = found[unit, name, metric] = make()(predicted * unit, truth * unit).item()
        print(f"unit {unit:g}, {name}:", ", ".join(f"{metric} {value:.3g}" for metric, value in values.items()))
assert 0.8 < found[1.0, "10 % off", "R2"] < 0.95 and found[1.0, "zeros", "R2"] < -10 and found[1.0, "the negative", "R2"] < -40
assert (found[1e-3, "10 % off", "R2"], found[1e-3, "zeros", "R2"]) == (1, 0)
for unit in (1e-6, 1e-9):
    assert [found[unit, name, "R2"] for name in predictions] == [1, 1, 1]
    assert found[unit, "zeros", "relative squared error"] < 0.01 < 10 < found[1.0, "zeros", "relative squared error"]
    assert abs(found[unit, "10 % off", "explained variance"] - found[1.0, "10 % off", "explained variance"]) < 1e-6
assert found[1e-9, "zeros", "percentage error"] < 0.001 and found[1.0, "zeros", "percentage error"] == 1
PY
