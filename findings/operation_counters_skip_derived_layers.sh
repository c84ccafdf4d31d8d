#!/bin/sh
# thop, ptflops, torchinfo: a layer derived from a convolution, or parametrised by torch, has no operations, or too few by the size
# of its output.
#
# What it does: thop and ptflops look for the exact type of a layer. A class derived from `Conv2d`, and a convolution with
# `weight_norm`, `spectral_norm` or another parametrisation, have 0 operations. torchinfo looks for the letters "Conv" in the
# name of the class; without them a convolution over 16 x 16 pixels is one over a single pixel. With a parametrisation it finds 0,
# too. PyTorch's own counter and the aten backend of ptflops count what is computed.
# One would guess: a layer that is a `Conv2d` counts as one.
# Who is hurt: whoever compares the operations of a quantised or analog network with those of the plain one: such layers are
# derived classes or parametrisations, and the whole saving may be that they were not seen.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6
pip install --quiet --no-compile --no-deps thop==0.1.1.post2209072238 ptflops==0.7.5 torchinfo==1.8.0
python -W ignore - <<'PY'
from importlib.metadata import version
import torch
import ptflops
import thop
import torchinfo
from torch.nn.utils import parametrizations
from torch.utils.flop_counter import FlopCounterMode

print(*(f"{name} {version(name)}" for name in ("thop", "ptflops", "torchinfo")), "torch", torch.__version__)

class Crossbar(torch.nn.Conv2d):
    pass

class CrossbarConv(torch.nn.Conv2d):
    pass

def layer(of=torch.nn.Conv2d):
    return of(8, 16, 3, padding=1, bias=False)

def count(make):
    image = torch.rand(1, 8, 16, 16)
    own = FlopCounterMode(display=False)
    with own:
        make()(image)
    ours, aten = (
        ptflops.get_model_complexity_info(make(), (8, 16, 16), as_strings=False, print_per_layer_stat=False, backend=backend)[0]
        for backend in ("pytorch", "aten")
    )
    return {
        "torch": own.get_total_flops() // 2, "ptflops (aten)": int(aten), "ptflops": int(ours),
        "thop": int(thop.profile(make(), (image,), verbose=False)[0]),
        "torchinfo": int(torchinfo.summary(make(), input_data=image, verbose=0).total_mult_adds),
    }

found = {}
for name, make in (
    ("Conv2d", layer),
    ("class Crossbar(Conv2d)", lambda: layer(Crossbar)),
    ("class CrossbarConv(Conv2d)", lambda: layer(CrossbarConv)),
    ("weight_norm(Conv2d)", lambda: parametrizations.weight_norm(layer())),
):
    found[name] = count(make)
    print(name, found[name])
right = 8 * 16 * 9 * 256
assert all(value == right for value in found["Conv2d"].values())
assert all(values["torch"] == values["ptflops (aten)"] == right for values in found.values())
for name, torchinfos in (("class Crossbar(Conv2d)", right // 256), ("class CrossbarConv(Conv2d)", right), ("weight_norm(Conv2d)", 0)):
    assert found[name]["thop"] == found[name]["ptflops"] == 0 and found[name]["torchinfo"] == torchinfos
PY
