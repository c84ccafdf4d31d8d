#!/bin/sh
# AIHWKit, `ReRamWan2022NoiseModel`: each read-out time draws the whole programming error anew.
#
# What it does: the error at 1 s, at one day, and at 1 s again are independent draws around the target; the programmed
# conductances are ignored. The mean of many read-outs is the target, so averaging, or a calibration that is learnt on
# one read-out and tested on the next, meets a device without any lasting error. The PCM model keeps its own.
# One would guess: a device that was programmed 5 % too high stays about 5 % too high, and time adds to that.
# Who is hurt: whoever compares mitigations (averaging, calibration, re-tuning of batch norm) across the two models.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps aihwkit==1.1.0
python -W ignore - <<'PY'
import aihwkit, torch
from aihwkit.inference import PCMLikeNoiseModel, ReRamWan2022NoiseModel
from aihwkit.nn import AnalogLinear
from aihwkit.simulator.configs import TorchInferenceRPUConfig

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)
torch.manual_seed(0)
target = 0.5 + 0.5 * torch.rand(100, 100)

def reads(model, times):
    config = TorchInferenceRPUConfig()
    config.noise_model = model
    layer = AnalogLinear(100, 100, bias=False, rpu_config=config)
    layer.set_weights(target)
    layer.eval()
    errors = []
    for time in times:
        layer.drift_analog_weights(time)
        weights = layer.get_weights()[0]
        errors.append((weights / weights.mean() - target / target.mean()).flatten())
    return torch.stack(errors)

measured = {}
for model in (ReRamWan2022NoiseModel(), PCMLikeNoiseModel()):
    errors = reads(model, [1.0] * 16)
    correlation = torch.corrcoef(errors[:2])[0, 1].item()
    averaged = (errors.mean(0).std() / errors[0].std()).item()
    measured[type(model).__name__] = correlation
    print(f"{type(model).__name__}: correlation of the errors of two reads at 1 s {correlation:.2f};",
          f"error of the mean of 16 reads / of one read {averaged:.2f}")
assert abs(measured["ReRamWan2022NoiseModel"]) < 0.15 and measured["PCMLikeNoiseModel"] > 0.5
PY
