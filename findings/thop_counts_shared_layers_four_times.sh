#!/bin/sh
# thop: a layer that stands in two places counts four times, one in three places nine times.
#
# What it does: the layer gets a hook for each of its places, each call runs all of them, and the sum over the network takes the
# layer's total once more for each place: 2 x 2 times what is computed. Called twice under one name it is right. ptflops counts
# two and three times, with a warning that its variables are already defined. torchinfo is right here; but in it and in thop a
# transposed convolution counts by its outputs: with a stride of 2 four times, with a stride of 4 sixteen times what is computed.
# One would guess: each call is counted once.
# Who is hurt: whoever compares networks that share weights, such as recurrent ones in unrolled form, or decoders, with networks
# that do not: sharing should leave the operations as they are and multiplies them.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6
pip install --quiet --no-compile --no-deps thop==0.1.1.post2209072238 ptflops==0.7.5 torchinfo==1.8.0
python -W ignore - <<'PY'
from copy import deepcopy
from importlib.metadata import version
import torch
import ptflops
import thop
import torchinfo
from torch.utils.flop_counter import FlopCounterMode

print("thop", version("thop"), "ptflops", version("ptflops"), "torchinfo", version("torchinfo"), "torch", torch.__version__)

def convolution():
    return torch.nn.Conv2d(8, 8, 3, padding=1, bias=False)

def shared(times):
    layer = convolution()
    return torch.nn.Sequential(*(torch.nn.Sequential(layer) for _ in range(times)))

class Repeated(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = convolution()

    def forward(self, image):
        return self.layer(self.layer(image))

def transposed(stride):
    return torch.nn.Sequential(torch.nn.ConvTranspose2d(8, 8, stride, stride=stride, bias=False))

found = {}
for name, network in (
    ("two layers", torch.nn.Sequential(convolution(), convolution())), ("one name, called twice", Repeated()),
    ("one layer in two places", shared(2)), ("one layer in three places", shared(3)),
    ("transposed, stride 1", transposed(1)), ("transposed, stride 2", transposed(2)), ("transposed, stride 4", transposed(4)),
):
    image = torch.rand(1, 8, 16, 16)
    own = FlopCounterMode(display=False)
    with own:
        network(image)
    right = own.get_total_flops() // 2
    other = torchinfo.summary(network, input_data=image, verbose=0).total_mult_adds
    operations, _ = thop.profile(deepcopy(network), (image,), verbose=False)
    by_name, _ = ptflops.get_model_complexity_info(deepcopy(network), (8, 16, 16), as_strings=False, print_per_layer_stat=False)
    found[name] = operations / right, by_name / right, other / right
    print(f"{name}: {right} operations by torch; thop {found[name][0]:g} times that, ptflops {found[name][1]:g} times,",
          f"torchinfo {found[name][2]:g} times")
assert found == {
    "two layers": (1, 1, 1), "one name, called twice": (1, 1, 1),
    "one layer in two places": (4, 2, 1), "one layer in three places": (9, 3, 1),
    "transposed, stride 1": (1, 1, 1), "transposed, stride 2": (4, 1, 4), "transposed, stride 4": (16, 1, 16),
}
PY
