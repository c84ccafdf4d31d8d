"""A sweep over tiny networks, spread as asked: ``python -m faults.sweeping SCHEDULER JOURNAL TABLE``."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import torch
from subjects import mapped, pruned_by

from xbarpaper.experiments.evaluation import cases, sweep
from xbarpaper.experiments.subject import Bench, Subject
from xbarpaper.hardware.circuit import Parasitics
from xbarpaper.networks import Architecture, build
from xbarpaper.params import SCHEMES, Devices, Execution, SchemeName
from xbarpaper.support import spreading
from xbarpaper.support.files import write_table

SIZE = 16


def _subject(scheme: SchemeName) -> Subject:
    """A network with the weights that it was initialised with, on crossbars."""
    network = build(Architecture(network="vgg11", width=0.06, classes=10), 0).eval()
    on_crossbars = mapped(pruned_by(network, scheme, SIZE), scheme, SIZE)
    return Subject(on_crossbars, scheme, 0.0 if scheme == "unpruned" else 0.6, "none", 12.5)


def swept(scheduler: str, journal: Path, seeds: int = 6, processes: int = 2) -> pd.DataFrame:
    """The table of a sweep of noise: what is in the pixels changes no time, and every bit of it counts all the same."""
    bench = Bench(
        images=torch.randn(60, 3, 32, 32, generator=torch.Generator().manual_seed(0)), labels=torch.arange(60) % 10,
        images_digest="noise", devices=Devices(r_min_ohm=20e3, r_max_ohm=200e3, variation_sigma=0.1),
        parasitics=Parasitics(), low_conductance_threshold=0.1, batch_size=30,
    )  # fmt: skip
    wanted = cases(
        ("wires", "variation", "both"), seeds, ("none", "layer"), "layer"
    )  # with and without chance
    with spreading.workers(Execution(scheduler=scheduler, workers=processes)) as workers:
        return sweep(map(_subject, SCHEMES), wanted, bench, journal, len(SCHEMES), workers)


if __name__ == "__main__":
    write_table(sys.argv[3], swept(sys.argv[1], Path(sys.argv[2])))
