#!/bin/sh
# Rockpool: the biases of a quantised network are in the scale of another layer, or vanish.
#
# What it does: `global_quantize` scales weights and threshold of the output layer by a factor of that layer, and its bias by
# the factor of the hidden layer. `channel_quantize` with one synapse per neuron rounds the hidden biases without any factor, so
# that all below 0.5 become 0, and writes the scaled output biases into the caller's array.
# One would guess: within a neuron weights, threshold and bias have one factor, and the arguments are read only.
# Who is hurt: whoever deploys a network with biases: an output bias of half the threshold is more than four times the
# threshold here, hidden biases are gone, and a second call starts from other biases than the first.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile numpy==2.4.6 scipy==1.17.1
pip install --quiet --no-compile --no-deps rockpool==3.1.0
python -W ignore - <<'PY'
from importlib.metadata import version
import numpy
from rockpool.transform.quantize_methods import channel_quantize, global_quantize

print("rockpool", version("rockpool"), "numpy", numpy.__version__)
draw = numpy.random.default_rng(0)
network = dict(
    weights_in=0.1 * draw.normal(size=(3, 4, 1)), weights_rec=numpy.zeros((4, 4, 1)), weights_out=draw.normal(size=(4, 2)),
    threshold=numpy.ones(4), threshold_out=numpy.ones(2), bias=numpy.full(4, 0.25), bias_out=numpy.full(2, 0.5),
    dash_mem=numpy.ones(4), dash_mem_out=numpy.ones(2), dash_syn=numpy.ones(4), dash_syn_2=numpy.ones(4), dash_syn_out=numpy.ones(2),
)
found = {}
for quantize in (global_quantize, channel_quantize):
    given = {name: value.copy() for name, value in network.items()}
    made = quantize(**given)
    weight = numpy.abs(made["weights_out"]).max(0) / made["threshold_out"] / numpy.abs(network["weights_out"]).max(0)
    hidden, output = made["bias"] / made["threshold"], made["bias_out"] / made["threshold_out"]
    changed = [name for name in network if not numpy.array_equal(given[name], network[name])]
    found[quantize.__name__] = weight, hidden, output, changed
    print(f"{quantize.__name__}: output weights in units of the threshold, by those given: {weight.round(2)};",
          f"hidden biases of 0.25 become {hidden.round(2)}, output biases of 0.5 become {output.round(2)}; arguments changed: {changed}")
for weight, *_ in found.values():
    assert numpy.allclose(weight, 1, atol=0.05)
_, hidden, output, changed = found["global_quantize"]
assert numpy.allclose(hidden, 0.25, atol=0.01) and (output > 3).all() and not changed
_, hidden, output, changed = found["channel_quantize"]
assert (hidden == 0).all() and numpy.allclose(output, 0.5, atol=0.02) and changed == ["bias_out"]
PY
