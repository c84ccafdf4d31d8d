#!/bin/sh
# AIHWKit-Lightning, exported to AIHWKit: the output noise of a layer on n tiles grows by sqrt(n), and every layer gets the
# configuration of the first.
#
# What it does: Lightning divides the noise of each tile by the square root of the number of tiles, so that a layer has the
# same noise however it is cut; AIHWKit adds it in full at each tile. `export_to_aihwkit` copies the number. It reads one
# configuration, the first layer's, and uses it for all, also where `specific_rpu_config_fun` gave others.
# One would guess: the exported network is the same network: that is what one exports it for.
# Who is hurt: whoever trains with Lightning and evaluates with AIHWKit: 512 inputs on tiles of 64 have 2.8 times the noise
# that was trained for, and a first layer of 8 bits makes 8-bit layers of those that were trained with 4.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps aihwkit-lightning==2.1.0
pip install --quiet --no-compile --no-deps aihwkit==1.1.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from aihwkit_lightning.nn.conversion import convert_to_analog
from aihwkit_lightning.nn.export import export_to_aihwkit
from aihwkit_lightning.simulator.configs import TorchInferenceRPUConfig

print("aihwkit-lightning", version("aihwkit-lightning"), "aihwkit", version("aihwkit"), "torch", torch.__version__)
torch.manual_seed(0)
layer, x = torch.nn.Linear(512, 16, bias=False), torch.randn(500, 512).clamp(-3, 3)

def config(size, noise):
    made = TorchInferenceRPUConfig()
    made.mapping.max_input_size = size
    made.forward.out_noise = noise
    made.pre_post.input_range.enable, made.pre_post.input_range.init_from_data = True, 0
    return made

grows = {}
for size in (512, 128, 64):
    net = convert_to_analog(torch.nn.Sequential(layer), config(size, 0.1))
    exported = export_to_aihwkit(net)
    with torch.no_grad():
        before, after = (net.train()(x) - layer(x)).std().item(), (exported.train()(x) - layer(x)).std().item()
    grows[size] = after / before
    print(f"512 inputs on {512 // size} tiles of {size}: noise {before:.4f} in Lightning, {after:.4f} after the export: times {grows[size]:.2f}")

def bits(name, module, made):
    made.forward.inp_res = 2**8 - 2 if name == "0" else 2**4 - 2
    return made

net = convert_to_analog(torch.nn.Sequential(layer, torch.nn.Linear(16, 8)), config(512, 0.0), specific_rpu_config_fun=bits)
steps = [part.rpu_config.forward.inp_res for part in net.analog_layers()]
exported = [tile.rpu_config.forward.inp_res for tile in export_to_aihwkit(net).analog_tiles()]
print(f"steps of the input converters {steps}, after the export {exported}")
assert all(abs(grows[size] / (512 / size) ** 0.5 - 1) < 0.1 for size in grows)
assert steps == [254, 14] and exported == [254, 254]
PY
