#!/bin/sh
# BindsNET: a layer of LIF neurons writes zeros into the currents it is driven with, wherever a neuron was refractory.
#
# What it does: `network.run({"layer": currents}, ...)` hands slices of the caller's tensor to the layer, and `LIFNodes` and
# `BoostedLIFNodes` set the current of refractory neurons to zero in place. Layers that get spikes from others as well,
# and those of the other kinds of neurons, leave it alone.
# One would guess: a stimulus is read only, and drives the next network or the next repeat as it drove the first.
# Who is hurt: whoever compares neurons, thresholds or hardware faults under one stimulus made beforehand: only the first
# run gets it. Here half of it is gone after one run, and neurons without a refractory period fire half as often as they
# should. A way round: `currents.clone()` for each run.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 tqdm==4.70.1
pip install --quiet --no-compile --no-deps bindsnet==0.3.4
python -W ignore - <<'PY'
import sys
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType
import torch

start = ModuleType("bindsnet")  # its own start imports plots, games and data sets, too
start.__path__ = list(find_spec("bindsnet").submodule_search_locations)
sys.modules["bindsnet"] = start
from bindsnet.network import Network, nodes
from bindsnet.network.monitors import Monitor

print("bindsnet", version("bindsnet"), "torch", torch.__version__)


def spikes(kind, currents, **options):
    """Spikes of one layer in 200 ms under these currents."""
    network = Network()
    network.add_layer(getattr(nodes, kind)(n=5, **options), "layer")
    network.add_monitor(Monitor(network.layers["layer"], ["s"], time=200), "spikes")
    network.run({"layer": currents}, time=200)
    return int(network.monitors["spikes"].get("s").sum())


lost = {}
for kind in ("LIFNodes", "BoostedLIFNodes", "IFNodes", "CurrentLIFNodes", "AdaptiveLIFNodes", "DiehlAndCookNodes"):
    currents = torch.full((200, 1, 5), 3.0)
    spikes(kind, currents)
    lost[kind] = (currents == 0).float().mean().item()
    print(f"{kind}: share of the stimulus that is zero after one run {lost[kind]:.2f}")
currents = torch.full((200, 1, 5), 3.0)
alone = spikes("LIFNodes", currents.clone(), refrac=0)
first = spikes("LIFNodes", currents)
second = spikes("LIFNodes", currents, refrac=0)
print(f"without refractory period: {alone} spikes, or {second} when a layer with one ran before on the same stimulus")
assert all((share > 0.4) == (kind in ("LIFNodes", "BoostedLIFNodes")) for kind, share in lost.items())
assert alone > 1.7 * second
PY
