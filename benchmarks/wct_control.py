"""What WCT's limit does, apart from its training: the same training with hardly any limit, on the same devices.

``python benchmarks/wct_control.py`` takes experiments of params.yaml, whose networks must have been pruned and trained on
by WCT. Each is trained on again from the pruned network, with the same images in the same order; the limit of each layer
is now its largest weight, so the range of the devices is that of WCT. A row of
reports/benchmarks/wct-control-<profile>.csv is one network on crossbars of the largest size with one draw of the devices,
both effects acting.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import pandas as pd
import torch

from xbarpaper import params
from xbarpaper.experiments import crossbars
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.evaluation import cases, sweep
from xbarpaper.experiments.experiment import Experiment, gather, with_leading
from xbarpaper.experiments.search.space import UNLIMITED, mitigation_of
from xbarpaper.mitigation import MITIGATIONS
from xbarpaper.params import SCHEMES
from xbarpaper.support import cores, files, spreading
from xbarpaper.support.errors import command

OUTPUT = Path(__file__).resolve().parents[1] / "reports" / "benchmarks"
_COLUMNS: Final = [
    "experiment", "dataset", "network", "scheme", "crossbar_size", "mitigation", "seed", "accuracy", "software_accuracy"
]  # fmt: skip


@command("wct_control")
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("experiments", nargs="*", help="of params.yaml; all if none is named")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the table goes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cores.keep_freed_memory()
    settings = params.load()
    names = arguments.experiments or list(settings.experiments)
    table = gather(compared(Experiment(name, settings)) for name in names)
    path = files.write_table(arguments.output / f"wct-control-{settings.profile}.csv", table)
    measures = table.groupby(["experiment", "mitigation"], sort=False)[["software_accuracy", "accuracy"]]
    print(measures.mean().round(2).to_string())
    print(path)


def compared(experiment: Experiment) -> pd.DataFrame:
    """Accuracies in percent of every scheme: as pruned, after WCT, and after its training with hardly any limit."""
    settings = experiment.params
    size, gain = max(settings.mapping.crossbar_sizes), settings.readout.gain
    control = mitigation_of(settings.wct.model_copy(update={"cut_quantile": 1.0}))
    chosen = {"none": MITIGATIONS["none"], "WCT": MITIGATIONS["WCT"], UNLIMITED: control}
    subjects = crossbars.subjects(experiment, list(chosen.values()), (size,))
    wanted = cases(("both",), settings.evaluation.variation_seeds, (gain,), gain)
    with spreading.workers(settings.execution) as workers:
        table = sweep(
            subjects,
            wanted,
            bench(experiment),
            experiment.resume("wct_control.csv"),
            total=len(SCHEMES) * len(chosen),
            workers=workers,
        )
    told = {mitigation.name: name for name, mitigation in chosen.items()}
    table = table.assign(mitigation=table["mitigation"].map(told))
    return with_leading(table, experiment.leading)[_COLUMNS]


if __name__ == "__main__":
    sys.exit(main())
