"""Mitigations that the paper does not have, tried on an experiment's networks beside R and WCT.

Each is measured on the same devices as R and WCT are. ``mitigation.registry`` is where a new one is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Final

import pandas as pd

from xbarpaper.experiments import crossbars
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.evaluation import cases, sweep
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.experiments.subject import Subject
from xbarpaper.hardware.effects import DeviceEffect, chip, known
from xbarpaper.hardware.readout import read_out
from xbarpaper.mitigation import FURTHER, MITIGATIONS, Precompensation
from xbarpaper.params import SCHEMES, SchemeName
from xbarpaper.support import live, spreading
from xbarpaper.support.files import read_table

STAGE: Final = "11_beyond"
_EARLIER: Final = ("06_evaluate", "07_rearrange", "08_wct")
_COLUMNS: Final = [
    "experiment", "dataset", "network", "scheme", "sparsity", "crossbar_size", "mitigation", "gain", "seed",
    "accuracy", "software_accuracy",
]  # fmt: skip


def recovery(experiment: Experiment) -> pd.DataFrame:
    """Accuracies on the crossbars under every mitigation, the paper's and the further ones, on the same devices.

    Columns: experiment, dataset, network, scheme, sparsity, crossbar_size, mitigation, gain, seed, accuracy and
    software_accuracy in percent; the latter is of the network before any mitigation, the accuracy to win back.

    Raises:
        ArtifactError: a stage that evaluates without mitigation, R or WCT has not written its table.
    """
    params = experiment.params
    gain, sizes = params.readout.gain, params.mapping.crossbar_sizes
    tables = [read_table(experiment.results(stage) / "evaluation.csv") for stage in _EARLIER]
    earlier: pd.DataFrame = pd.concat(tables, ignore_index=True)
    earlier = earlier[(earlier["effects"] == "both") & (earlier["gain"] == gain)]
    chosen = [FURTHER[name] for name in params.beyond.mitigations]
    total = len(SCHEMES) * len(sizes) * len(chosen)
    wanted = cases(("both",), params.evaluation.variation_seeds, (gain,), gain)
    subjects, journal = crossbars.subjects(experiment, chosen, sizes), experiment.resume(f"{STAGE}.csv")
    with spreading.workers(params.execution) as workers:
        further = sweep(subjects, wanted, bench(experiment), journal, total, workers)
    table = pd.concat([earlier, with_leading(further, experiment.leading)], ignore_index=True)
    keys = ["scheme", "crossbar_size"]
    before = table[table["mitigation"] == "none"].groupby(keys)["software_accuracy"].first()
    table["software_accuracy"] = before.loc[pd.MultiIndex.from_frame(table[keys])].to_numpy()
    table = table.astype({"seed": "Int64"})[_COLUMNS]
    live.crossbars(experiment.name, table, gain)
    return table


def costs(experiment: Experiment) -> pd.DataFrame:
    """What each mitigation takes for one network; see ``mitigation.Costs``.

    Columns: experiment, scheme, crossbar_size, mitigation, training_images, chip_images, circuit_solutions,
    chip_solutions.
    """
    params, images = experiment.params, len(experiment.images.train)
    rows = [
        {"experiment": experiment.name, "scheme": scheme, "crossbar_size": size, "mitigation": name}
        | asdict(mitigation.costs(params, images))
        for scheme in SCHEMES
        for size in params.mapping.crossbar_sizes
        for name, mitigation in MITIGATIONS.items()
        if name not in FURTHER or name in params.beyond.mitigations
    ]
    return pd.DataFrame(rows)


def compensated_errors(experiment: Experiment, scheme: SchemeName, crossbar_size: int) -> pd.DataFrame:
    """How the error of a network's weights falls from round to round of the compensation.

    Columns: devices ("nominal" knows no chip, "of one chip" its devices), rounds, error (squared, over the squared
    weights, percent, the mean over layers, after the readout's gain, on the devices that were compensated for).
    """
    params, rows = experiment.params, []
    plain = crossbars.mapped(experiment, scheme, crossbar_size).mapped
    own: tuple[DeviceEffect, ...] = known(chip(params.devices, 0))
    one_round = replace(Precompensation.of(params), rounds=1)
    for name, effects in {"nominal": (), "of one chip": own}.items():
        network = plain
        for rounds in range(params.beyond.compensation_rounds + 1):
            network = one_round.program(network, effects) if rounds else network
            read = read_out(network, params.devices, effects, params.circuit)
            errors = [layer.squared_error(params.readout.gain) for layer in read.layers]
            rows.append({"devices": name, "rounds": rounds, "error": 100 * sum(errors) / len(errors)})
    return pd.DataFrame(rows)


def weight_errors(experiment: Experiment, subjects: Mapping[str, Subject]) -> pd.DataFrame:
    """Squared error of each layer's weights over its squared weights, percent: wires alone, after the readout's gain.

    Args:
        subjects: networks on crossbars; a column for each, a row for each layer.
    """
    gain, columns = experiment.params.readout.gain, {}
    for name, subject in subjects.items():
        read = crossbars.wires_only(experiment, subject.mapped)
        columns[name] = {layer.layer.name: 100 * layer.squared_error(gain) for layer in read.layers}
    return pd.DataFrame(columns).rename_axis("layer")
