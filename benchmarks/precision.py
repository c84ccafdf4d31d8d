"""Inference on crossbars in bfloat16 beside float32: accuracy and time of the very same non-ideal networks.

``python benchmarks/precision.py`` takes the first experiment of params.yaml, whose networks must have been pruned: each
scheme on crossbars of the largest size, both effects acting, a few draws of the devices, the whole test set. A row of
reports/benchmarks/precision-<experiment>.csv is one network with one draw.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from xbarpaper import params
from xbarpaper.experiments import checkpoints, crossbars
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.evaluation import Case, disturbed
from xbarpaper.experiments.experiment import Experiment
from xbarpaper.params import SCHEMES
from xbarpaper.support import cores, files
from xbarpaper.support.errors import command

OUTPUT = Path(__file__).resolve().parents[1] / "reports" / "benchmarks"


@command("precision")
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=2, help="of the devices")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the table goes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cores.keep_freed_memory()
    table = compared(Experiment("", params.load()), arguments.draws)
    name = table["experiment"].iloc[0]
    print(table.drop(columns=["experiment", "hardware"]).to_string(index=False))
    print(f"largest difference: {table['difference'].abs().max():.2f} points")
    print(files.write_table(arguments.output / f"precision-{name}.csv", table))


def compared(experiment: Experiment, draws: int) -> pd.DataFrame:
    """Accuracies in percent and seconds of each network in both arithmetics, and their difference in points."""
    settings, common = experiment.params, bench(experiment)
    size = max(settings.mapping.crossbar_sizes)
    rows = []
    for scheme in tqdm(SCHEMES, unit="scheme"):
        mapped = crossbars.mapped(experiment, scheme, size).mapped
        for seed in range(draws):
            case = Case("both", seed, (settings.readout.gain,))
            twin = disturbed(mapped, case, settings.devices, settings.circuit).twin(settings.readout.gain)
            row: dict[str, object] = {"experiment": experiment.name, "scheme": scheme, "crossbar_size": size}
            row["seed"] = seed
            for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
                begun = time.perf_counter()
                row[name] = replace(common, dtype=dtype).accuracy(twin)
                row[f"{name}_s"] = round(time.perf_counter() - begun, 2)
            rows.append(row)
    table = pd.DataFrame(rows)
    table["difference"] = (table["bfloat16"] - table["float32"]).round(2)
    return table.assign(hardware=f"{checkpoints.versions()['hardware']}, torch {torch.__version__}")


if __name__ == "__main__":
    sys.exit(main())
