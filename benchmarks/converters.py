"""All test images of CIFAR-10 through crossbars with converters, beside the same network as folded weights.

``python benchmarks/converters.py`` maps a VGG of random weights (times do not depend on their values) and infers as many
random images as CIFAR-10 has test images, one thread a process, in as many processes as are asked for, each with its
share of them. A row of reports/benchmarks/converters.csv is one crossbar size: seconds with converters, seconds with
folded weights, their ratio, and the largest difference of the logits where converters are ideal.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from circuit_network import map_randomly

from xbarpaper.experiments import checkpoints
from xbarpaper.hardware import Devices, Parasitics, read_out
from xbarpaper.hardware.effects import chip
from xbarpaper.hardware.periphery import Converters, Slicing, arrays_of, calibrate, on_crossbars, set_adc_bits
from xbarpaper.networks import Architecture
from xbarpaper.networks.network import folded
from xbarpaper.params import NetworkName, Periphery
from xbarpaper.support import cores, files
from xbarpaper.support.errors import command

OUTPUT = Path(__file__).resolve().parents[1] / "reports" / "benchmarks"
DEVICES = Devices(r_min_ohm=20e3, r_max_ohm=200e3, variation_sigma=0.1)


@command("converters")
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", choices=("vgg11", "vgg16"), default="vgg11")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--adc-bits", type=int, default=6)
    parser.add_argument("--dac-bits", type=int, default=Periphery().dac_bits)
    parser.add_argument("--processes", type=int, default=2, help="side by side, one thread each")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the table goes")
    given = parser.parse_args()
    cores.keep_freed_memory()
    converters = Converters(Periphery().input_bits, given.dac_bits, given.adc_bits)
    share = -(-given.images // given.processes)
    rows = []
    with ProcessPoolExecutor(given.processes) as pool:
        for size in given.sizes:
            task = (given.network, given.width, size, share, converters)
            parts = list(pool.map(timed, *([one] * given.processes for one in task)))
            slowest = pd.DataFrame(parts).max()
            row = {
                "network": given.network, "width": given.width, "size": size, "images": share * given.processes,
                "processes": given.processes, "input_bits": converters.input_bits, "dac_bits": converters.dac_bits,
                "adc_bits": converters.adc_bits, **{name: float(f"{value:.4g}") for name, value in slowest.items()},
                "ratio": round(slowest["converters_s"] / slowest["folded_s"], 1),
                "hardware": f"{checkpoints.versions()['hardware']}, torch {torch.__version__}",
            }  # fmt: skip
            print(row, flush=True)
            rows.append(row)
    print(files.write_table(given.output / "converters.csv", pd.DataFrame(rows)))


def timed(name: NetworkName, width: float, size: int, count: int, converters: Converters) -> dict[str, Any]:
    """Seconds of a share of the images with converters and with folded weights, and how far ideal ones differ."""
    torch.set_num_threads(1)
    mapped = map_randomly(Architecture(network=name, width=width, classes=10), size)
    effects, parasitics = chip(DEVICES, 0), Parasitics()
    arrays = {
        layer.name: arrays_of(layer, DEVICES, effects, parasitics, Slicing(), "layer")
        for layer in mapped.layers
    }
    twin = folded(read_out(mapped, DEVICES, effects, parasitics).twin("layer"))
    images = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    network, ideal = on_crossbars(mapped, arrays, converters), on_crossbars(mapped, arrays, Converters())
    calibrate(network, images[:100])
    set_adc_bits(network, converters.adc_bits)
    with torch.inference_mode():
        apart = float((ideal(images[:20]) - twin(images[:20])).abs().max() / twin(images[:20]).abs().max())
    return {
        "converters_s": _seconds(network, images, Periphery().batch_images),
        "folded_s": _seconds(twin, images, 500),
        "ideal_apart": apart,
    }


def _seconds(network: torch.nn.Module, images: torch.Tensor, batch: int) -> float:
    with torch.inference_mode():
        network(images[:batch])
        begun = time.perf_counter()
        for few in images.split(batch):
            network(few)
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
