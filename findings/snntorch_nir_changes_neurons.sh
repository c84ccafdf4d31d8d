#!/bin/sh
# snnTorch and NIR: a network that goes to NIR and comes back has neurons that reset otherwise, and an integrate-and-fire
# neuron of another program comes in leaking.
#
# What it does: `export_to_nir` writes a reset to 0 for every `Leaky`, also for the default, which subtracts the threshold, and
# for "none"; `import_from_nir` makes neurons that reset to 0. A node `nir.IF`, which does not leak, is read as a `Leaky` with
# beta 0.9, and its reset to 0 as a subtraction. No warning; a network of `reset_mechanism="zero"` comes back as it was.
# One would guess: the same spikes; the docstring of the import says that it is the inverse of the export.
# Who is hurt: whoever moves a trained network to a chip or another simulator by NIR, or back: strongly driven neurons lose a
# third of their spikes, an integrate-and-fire neuron with a weak input never fires, and it looks like the other side's fault.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 h5py==3.16.0
pip install --quiet --no-compile --no-deps snntorch==1.0.0 nir==1.0.8 nirtorch==2.6
python -W ignore - <<'PY'
from importlib.metadata import version
import nir, numpy, snntorch, torch
from snntorch.export_nir import export_to_nir
from snntorch.import_nir import import_from_nir

print("snntorch", version("snntorch"), "nir", version("nir"), "nirtorch", version("nirtorch"), "torch", torch.__version__)

def spikes(net, current):
    for part in net.modules():
        if isinstance(part, snntorch.Leaky):
            part.reset_mem()
    count = 0
    for _ in range(100):
        out = net(torch.full((1,), current))
        while isinstance(out, tuple):
            out = out[0]
        count += int(out.sum())
    return count

currents, changes = (0.3, 0.6, 0.9), {}
for reset in ("subtract", "zero", "none"):
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(1.0)
    neuron = snntorch.Leaky(beta=torch.tensor([0.9]), threshold=torch.tensor([1.0]), reset_mechanism=reset, init_hidden=True)
    net = torch.nn.Sequential(layer, neuron)
    back = import_from_nir(export_to_nir(net, torch.zeros(1)))
    changes[reset] = [(spikes(net, current), spikes(back, current)) for current in currents]
    print(f"reset {reset}: spikes in 100 steps, before and after NIR, for currents of {currents}: {changes[reset]}")

one, size = numpy.ones(1), numpy.array([1])
nodes = {
    "input": nir.Input(input_type={"input": size}),
    "fire": nir.IF(r=one, v_threshold=one, v_reset=0 * one),
    "output": nir.Output(output_type={"output": size}),
}
read = import_from_nir(nir.NIRGraph(nodes, [("input", "fire"), ("fire", "output")]))
(neuron,) = [part for part in read.modules() if isinstance(part, snntorch.Leaky)]
leak, reset, weak = neuron.beta.item(), neuron.reset_mechanism, spikes(read, 0.0625)
print(f"nir.IF is read with beta {leak:.1f}, reset {reset}; a current of 1/16 for 100 steps gives {weak} spikes, for an integrator 6")
assert changes["zero"] == [(before, before) for before, _ in changes["zero"]]
assert changes["subtract"] == [(23, 25), (50, 50), (77, 50)] and all(before > 90 and after < 51 for before, after in changes["none"])
assert abs(leak - 0.9) < 1e-6 and reset == "subtract" and weak == 0
PY
