"""One network on crossbars, in a process of its own so that its peak memory is its own: ``circuit.py`` runs this.

``python benchmarks/circuit_network.py --network vgg11 --size 64`` prints one line of JSON.
Seconds are processor time, of all threads together.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from xbarpaper import params
from xbarpaper.hardware.circuit import Parasitics, effective_conductance
from xbarpaper.hardware.effects import Variation
from xbarpaper.hardware.mapped import MappedNetwork, map_network
from xbarpaper.hardware.readout import read_out
from xbarpaper.networks import Architecture, build
from xbarpaper.params import Devices
from xbarpaper.pruning import compaction_of, unpruned

PROFILE = Path(__file__).parent.parent / "profiles" / "quick.yaml"
CLASSES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", choices=["vgg11", "vgg16"], default="vgg11")
    parser.add_argument("--width", type=float, default=1.0, help="channels relative to the standard network")
    parser.add_argument("--size", type=int, default=64, help="rows and columns of a crossbar")
    parser.add_argument("--repeats", type=int, default=3, help="timings, the median of which counts")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    architecture = Architecture(network=arguments.network, width=arguments.width, classes=CLASSES)
    print(json.dumps(measure(architecture, arguments.size, arguments.repeats)))


def measure(architecture: Architecture, size: int, repeats: int) -> dict[str, object]:
    """A row of the table: crossbars, seconds and memory of a network of random weights."""
    devices, parasitics = params.load_profile(PROFILE).devices, Parasitics()
    mapped = map_randomly(architecture, size)
    solve = solve_seconds(mapped, devices, parasitics, repeats)
    effects = [Variation(devices.variation_sigma, seed=0)]
    whole = median_seconds(lambda: read_out(mapped, devices, effects, parasitics), repeats)
    return {
        "network": architecture.network,
        "width": architecture.width,
        "weights": sum(layer.matrix.numel() for layer in mapped.layers),
        "size": size,
        "crossbars": mapped.crossbars,
        "precision": "float32",
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "solve_s": solve,
        "read_out_s": whole,
        "crossbars_per_s": mapped.crossbars / solve,
        "peak_gb": peak_bytes() / 1e9,
    }


def map_randomly(architecture: Architecture, size: int) -> MappedNetwork:
    """A network of random weights on crossbars, nothing pruned."""
    pruned = unpruned(build(architecture, seed=0))
    w_max = {name: float(matrix.abs().max()) for name, matrix in pruned.network.matrices().items()}
    return map_network(pruned, compaction_of("unpruned"), size, w_max)


def solve_seconds(mapped: MappedNetwork, devices: Devices, parasitics: Parasitics, repeats: int) -> float:
    """Median time of the circuits alone."""
    tiles = disturbed_tiles(mapped, devices)
    effective_conductance(tiles[:, :1], parasitics)  # whatever is compiled or kept on the first call
    return median_seconds(lambda: effective_conductance(tiles, parasitics), repeats)


def disturbed_tiles(mapped: MappedNetwork, devices: Devices) -> Tensor:
    """What ``read_out`` hands to the solver: both signs of all layers, shape (2, tiles, size, size), siemens."""
    variation, stacks = Variation(devices.variation_sigma, seed=0), []
    for layer in mapped.layers:
        pair = variation.disturb(layer.programmed(devices), layer.name)
        stacks.append(torch.stack([layer.tiles.tile(pair.plus), layer.tiles.tile(pair.minus)]))
    return torch.cat(stacks, dim=1)


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median processor time of ``work``; what it returns is let go before it runs again."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def peak_bytes() -> int:
    """Most memory that this process ever held."""
    # Linux hands ru_maxrss down to the programs that a process starts, so the caller's peak would hide in it.
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return 1024 * int(found[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
