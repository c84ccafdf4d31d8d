#!/bin/sh
# NIR: the graph that snnTorch, Norse, sinabs and SpikingJelly export is no snapshot: training on changes it, and a network
# imported from it may be the first one under another name.
#
# What it does: the exporters put the layers' own memory into the graph, Norse even the parameter. Importing into snnTorch or
# SpikingJelly takes it from there again, so the new network's weights lie where the old ones do, and training either
# trains both. A graph that was written to a file and read again stands on its own.
# One would guess: exporting makes a copy, as writing and reading a file does.
# Who is hurt: whoever keeps graphs in memory as checkpoints, compares before and after training, or quantises and disturbs an
# imported copy: the graphs are all the same, the difference is 0, and the experiment on the copy spoils the trained network.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work"
python3 -m venv env
PATH="$work/env/bin:$PATH"
pip install --quiet --no-compile torch==2.13.0 numpy==2.4.6 scipy==1.17.1 h5py==3.16.0 tqdm==4.70.1 pbr==7.1.3 matplotlib==3.11.2 loguru==0.7.3 tensorboard==2.21.0
pip install --quiet --no-compile --no-deps nir==1.0.8 nirtorch==2.6 snntorch==1.0.0 norse==1.1.0 sinabs==3.1.3 spikingjelly==2.0.0
python -W ignore - 2> said.txt <<'PY' || { cat said.txt; exit 1; }
from importlib.metadata import version
import nir
import norse.torch
import norse.torch.utils.export_nir
import sinabs.layers
import sinabs.nir
import snntorch
import snntorch.export_nir
import snntorch.import_nir
import torch
from spikingjelly.activation_based import layer, neuron, nir_exchange

print(*(f"{name} {version(name)}" for name in ("torch", "nir", "nirtorch", "snntorch", "norse", "sinabs", "spikingjelly")))
sample = torch.ones(1, 4)
leaky = {"beta": torch.full((3,), 0.9), "threshold": torch.ones(3), "init_hidden": True}
cases = {
    "snntorch": (torch.nn.Linear(4, 3), snntorch.Leaky(**leaky)),
    "norse": (torch.nn.Linear(4, 3), norse.torch.LIFBoxCell()),
    "sinabs": (torch.nn.Linear(4, 3), sinabs.layers.IAFSqueeze(batch_size=1)),
    "spikingjelly": (layer.Linear(4, 3), neuron.LIFNode()),
}
exporters = {
    "snntorch": lambda network: snntorch.export_nir.export_to_nir(network, sample[0]),
    "norse": lambda network: norse.torch.utils.export_nir.to_nir(network, sample),
    "sinabs": lambda network: sinabs.nir.to_nir(network, sample),
    "spikingjelly": lambda network: nir_exchange.export_to_nir(network, sample),
}
importers = {"snntorch": snntorch.import_nir.import_from_nir, "spikingjelly": nir_exchange.import_from_nir}


def weights(graph):
    (node,) = [node for node in graph.nodes.values() if hasattr(node, "weight")]
    return torch.as_tensor(node.weight).detach().clone()


for name, parts in cases.items():
    network = (norse.torch.SequentialState if name == "norse" else torch.nn.Sequential)(*parts)
    graph = exporters[name](network)
    before = weights(graph)
    if name == "spikingjelly":
        nir.write("graph.nir", graph)
    if name in importers:
        (copied,) = [p for p in importers[name](graph).parameters() if p.shape == (3, 4)]
    optimizer = torch.optim.SGD([parts[0].weight], lr=0.1)
    parts[0](sample).sum().backward()
    optimizer.step()
    graph_moved = (weights(graph) - before).abs().max().item()
    print(f"{name}: one step of 0.1 moves the exported graph by {graph_moved:.2f}", end="")
    assert abs(graph_moved - 0.1) < 1e-6
    if name in importers:
        copy_moved = (copied.detach() - before).abs().max().item()
        copied.data.zero_()
        left = parts[0].weight.abs().max().item()
        print(f", an imported network by {copy_moved:.2f}; zeros in the imported one leave {left} of the first", end="")
        assert abs(copy_moved - 0.1) < 1e-6 and left == 0
    print()
through_file = weights(nir.read("graph.nir"))
print("spikingjelly, through a file: moved by", (through_file - before).abs().max().item())
assert torch.equal(through_file, before)
PY
