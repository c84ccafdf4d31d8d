"""How well evaluations spread over Dask workers, and how far that goes: ``python benchmarks/spreading.py``.

Measured in one run: a sweep in this process on one thread, the same sweep on one and on two local workers of one thread
each (after a first round that loads everything), and many tasks that do nothing. The model behind ``extrapolated`` rows:
the scheduler and the caller take ``overhead_ms`` for each task, one task after another, and workers nothing from each
other; so w workers finish w / task_ms tasks a millisecond but never more than 1 / overhead_ms, and the efficiency is
min(1, task_ms / (w * overhead_ms)) times task_ms / (task_ms + wait_ms), where wait_ms is what one worker loses for each
task. Writes reports/benchmarks/spreading.csv.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch
from circuit_network import map_randomly

from xbarpaper.experiments.evaluation import cases, sweep
from xbarpaper.experiments.subject import Bench, Subject
from xbarpaper.hardware.circuit import Parasitics
from xbarpaper.networks import Architecture
from xbarpaper.params import Devices
from xbarpaper.support import files, spreading
from xbarpaper.support.spreading import Task, Workers

SIZE = 32
WORKERS = (1, 2)
EXTRAPOLATED = (10, 100, 1000, 10000)
OUTPUT = Path("reports/benchmarks/spreading.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--width", type=float, default=0.25, help="channels relative to the standard network")
    parser.add_argument("--images", type=int, default=2000, help="test images, of noise")
    parser.add_argument("--seeds", type=int, default=24, help="evaluations: one for each draw of the devices")
    parser.add_argument("--empty", type=int, default=2000, help="tasks that do nothing")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = measure(given.width, given.images, given.seeds, given.empty)
    print(table.to_string(index=False))
    print(files.write_table(given.output, table))


def measure(width: float, images: int, seeds: int, empty: int) -> pd.DataFrame:
    """One row per number of workers; see the top of this file."""
    mapped = map_randomly(Architecture(network="vgg11", width=width, classes=10), SIZE)
    subject, bench = Subject(mapped, "unpruned", 0.0, "none", 10.0), _bench(images)
    here, expected = _swept(spreading.InProcess(), subject, bench, seeds)
    rows = [{"what": "in process", "workers": 1, "seconds": here, "efficiency": 1.0}]
    overhead_ms = wait_ms = 0.0
    task_ms = 1e3 * here / seeds
    for count in WORKERS:
        with spreading.opened("benchmark", "local", count) as workers:
            _swept(workers, subject, bench, 2 * count)  # imports and compiled kernels
            seconds, table = _swept(workers, subject, bench, seeds)
            if not table.equals(expected):
                raise SystemExit(f"{count} workers: another table than in process")
            share = here / (count * seconds)
            rows.append({"what": "measured", "workers": count, "seconds": seconds, "efficiency": share})
            if count == 1:
                wait_ms = max(0.0, 1e3 * seconds / seeds - task_ms)
            begun = time.perf_counter()
            spreading.in_order(workers, (Task(number, "nothing", abs, (number,)) for number in range(empty)))
            overhead_ms = 1e3 * (time.perf_counter() - begun) / empty
    for count in EXTRAPOLATED:
        share = efficiency(count, task_ms, overhead_ms, wait_ms)
        rows.append({"what": "extrapolated", "workers": count, "efficiency": share})
    table = pd.DataFrame(rows)
    table["task_ms"], table["overhead_ms"], table["wait_ms"] = task_ms, overhead_ms, wait_ms
    table["half_at_workers"] = int(2 * task_ms / overhead_ms * task_ms / (task_ms + wait_ms))
    table["network"] = f"VGG11 (width {width:g}), {SIZE} x {SIZE}, {images} images"
    table["machine"] = f"{platform.machine()}, {os.cpu_count()} cores; torch {torch.__version__}"
    return table


def efficiency(workers: int, task_ms: float, overhead_ms: float, wait_ms: float) -> float:
    """Share of the workers' time that is well used, by the model at the top."""
    return min(1.0, task_ms / (workers * overhead_ms)) * task_ms / (task_ms + wait_ms)


def _swept(workers: Workers, subject: Subject, bench: Bench, seeds: int) -> tuple[float, pd.DataFrame]:
    """Seconds of a sweep, sending the network and the images included, and its table."""
    wanted = cases(("both",), seeds, ("layer",), "layer")
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        table = sweep([subject], wanted, bench, Path(folder) / "journal.csv", 1, workers)
        return time.perf_counter() - begun, table


def _bench(images: int) -> Bench:
    return Bench(
        images=torch.randn(images, 3, 32, 32, generator=torch.Generator().manual_seed(0)),
        labels=torch.arange(images) % 10,
        images_digest="noise",
        devices=Devices(r_min_ohm=20e3, r_max_ohm=200e3, variation_sigma=0.1),
        parasitics=Parasitics(),
        low_conductance_threshold=0.1,
        batch_size=500,
    )


if __name__ == "__main__":
    main()
