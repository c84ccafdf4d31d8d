#!/bin/sh
# AIHWKit-Lightning: `load_state_dict` brings the configuration of the saved network along, for layers at the top of the
# network, and not for layers within a block.
#
# What it does: each layer writes its configuration into the metadata of the state, under the first part of its name. The
# layer `0` finds it there and takes it instead of its own; `1.1` does not. Where the metadata is lost, in a plain dict,
# no layer takes it.
# One would guess: a state has the weights; the network that loads it keeps the configuration that it was made with.
# Who is hurt: whoever loads one checkpoint into networks of several noise levels or ADC resolutions: the layers on top
# stay with the setting of the training, those in blocks take the new one, and the sweep measures a mixture.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps aihwkit-lightning==2.1.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
from aihwkit_lightning.nn.conversion import convert_to_analog
from aihwkit_lightning.simulator.configs import TorchInferenceRPUConfig, WeightNoiseInjectionType
from torch.nn import Linear, ReLU, Sequential

print("aihwkit-lightning", version("aihwkit-lightning"), "torch", torch.__version__)
torch.manual_seed(0)

def network(noise):
    config = TorchInferenceRPUConfig()
    config.modifier.noise_type = WeightNoiseInjectionType.ADD_NORMAL
    config.modifier.std_dev = noise
    return convert_to_analog(Sequential(Linear(8, 8), Sequential(ReLU(), Linear(8, 8)), ReLU(), Linear(8, 4)), config)

def noises(net):
    return {name: layer.rpu_config.modifier.std_dev for name, layer in net.named_analog_layers()}

saved = network(0.02).state_dict()
net, plain = network(0.5), network(0.5)
print("made with", noises(net))
net.load_state_dict(saved)
plain.load_state_dict(dict(saved))
print("after load_state_dict", noises(net))
print("after load_state_dict of a plain dict", noises(plain))
assert noises(net) == {"0": 0.02, "1.1": 0.5, "3": 0.02} and noises(plain) == {"0": 0.5, "1.1": 0.5, "3": 0.5}
PY
