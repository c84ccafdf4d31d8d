"""The sweeps of an experiment: accuracy on crossbars over schemes, sizes, effects and seeds."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from xbarpaper.experiments import crossbars
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.evaluation import cases, sweep
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.mitigation.parts import NONE, Mitigation
from xbarpaper.params import SCHEMES, Effects
from xbarpaper.support import live, spreading
from xbarpaper.support.files import read_table


def evaluate(
    experiment: Experiment, stage: str, mitigations: Sequence[Mitigation], effects: Sequence[Effects]
) -> pd.DataFrame:
    """The sweep over every scheme, crossbar size, effect and seed; see ``evaluation.sweep``.

    Gain modes are compared without mitigation; mitigations are evaluated at the readout's gain.

    Args:
        stage: name of the stage; an interrupted sweep goes on from its journal.
    """
    params = experiment.params
    gain, sizes = params.readout.gain, params.mapping.crossbar_sizes
    gains = params.evaluation.gains if list(mitigations) == [NONE] else (gain,)
    wanted = cases(effects, params.evaluation.variation_seeds, gains, gain)
    total = len(SCHEMES) * len(sizes) * len(mitigations)
    journal = experiment.resume(f"{stage}.csv")
    subjects = crossbars.subjects(experiment, mitigations, sizes)
    with spreading.workers(params.execution) as workers:
        table = sweep(subjects, wanted, bench(experiment), journal, total, workers)
    live.crossbars(experiment.name, table, gain)
    return with_leading(table, experiment.leading)


def with_unmitigated(experiment: Experiment, table: pd.DataFrame) -> pd.DataFrame:
    """The evaluations of a mitigation behind those of the same networks without any.

    Raises:
        ArtifactError: the stage ``06_evaluate`` has not written its table.
    """
    unmitigated = read_table(experiment.results("06_evaluate") / "evaluation.csv").astype({"seed": "Int64"})
    return pd.concat([unmitigated, table], ignore_index=True)
