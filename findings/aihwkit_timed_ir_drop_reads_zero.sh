#!/bin/sh
# AIHWKit, time-resolved IR drop (`TorchInferenceRPUConfigIRDropT`): inputs of zero give outputs below zero, and without
# wires the layer is 0.8 % too strong.
#
# What it does: the array rests at 0.4 V and `ir_drop_v_read` is 0.4005 V by default, so each column reads its weight of
# devices times -0.5 mV: -0.25 % of the sum of |w|, whatever the input. And 129 time steps are added and divided by 128.
# Both stay when the wires have no resistance, and vanish with `ir_drop = 0`, which takes another path.
# One would guess: no input, no output; and `ir_drop_rs` near 0 is the exact product.
# Who is hurt: whoever compares with and without IR drop: in a column of 512 devices the offset outweighs what the wires do,
# and it is not a matter of the wires.
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
from aihwkit.inference.converter.conductance import SinglePairConductanceConverter
from aihwkit.nn import AnalogLinear
from aihwkit.simulator.configs import TorchInferenceRPUConfigIRDropT
from aihwkit.simulator.parameters.enums import BoundManagementType, NoiseManagementType

print("aihwkit", aihwkit.__version__, "torch", torch.__version__)
torch.manual_seed(0)
weights = 2 * torch.rand(8, 512) - 1

def outputs(x, **changed):
    config = TorchInferenceRPUConfigIRDropT()
    config.mapping.max_input_size, config.mapping.weight_scaling_omega = 512, 0.0
    config.noise_model.g_converter = SinglePairConductanceConverter(g_max=25.0, g_min=0.0)
    forward = config.forward
    forward.out_res, forward.out_noise, forward.out_bound, forward.adc_quantization = -1, 0.0, 1e3, False
    forward.noise_management, forward.bound_management = NoiseManagementType.NONE, BoundManagementType.NONE
    for name, value in changed.items():
        setattr(forward, name, value)
    layer = AnalogLinear(512, 8, bias=False, rpu_config=config)
    layer.set_weights(weights)
    with torch.no_grad():
        return layer.eval()(x[None])[0]

zero, one = torch.zeros(512), torch.ones(512)
share = {}
for name, changed in {"as it is": {}, "no wires": {"ir_drop_rs": 1e-9}, "0.4 V": {"ir_drop_rs": 1e-9, "ir_drop_v_read": 0.4}}.items():
    share[name] = (outputs(zero, **changed) / weights.abs().sum(1)).mean().item()
    print(f"{name}: inputs of zero give {share[name]:.4%} of the sum of |w|")
gain = (outputs(one, ir_drop_rs=1e-9, ir_drop_v_read=0.4) / weights.sum(1)).mean().item()
print(f"no wires, 0.4 V: inputs of one give {gain:.4f} times the product")
assert abs(share["no wires"] + 0.0025) < 1e-4 and share["as it is"] < -0.002 and abs(share["0.4 V"]) < 1e-5
assert abs(gain - 129 / 128) < 5e-4
PY
