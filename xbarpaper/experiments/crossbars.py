"""An experiment on crossbars: its networks mapped, solved and evaluated."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import torch

from xbarpaper import data
from xbarpaper.experiments.checkpoints import Checkpoint
from xbarpaper.experiments.evaluation import Bench, Case, Subject, cases, disturbed, sweep
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.hardware.circuit import Potentials, node_voltages
from xbarpaper.hardware.mapped import Arrangement, MappedNetwork, map_network
from xbarpaper.hardware.readout import ReadOut
from xbarpaper.hardware.views import layer_named
from xbarpaper.mitigation import arranged_in_two_dimensions, ordered_by_mean_conductance
from xbarpaper.networks import training
from xbarpaper.params import SCHEMES, Effects, FurtherMitigation, Mitigation, SchemeName
from xbarpaper.pruning import compaction_of, weight_quantiles
from xbarpaper.support import spreading
from xbarpaper.support.files import read_table


def bench(experiment: Experiment) -> Bench:
    """What all evaluations of an experiment share."""
    params, images = experiment.params, experiment.images
    device = training.device_of(params.train)
    return Bench(
        images=data.normalised(images.test, images, device),
        labels=images.test.labels.to(device),
        images_digest=images.digest,
        devices=params.devices,
        parasitics=params.circuit,
        low_conductance_threshold=params.mapping.low_conductance_threshold,
        batch_size=params.evaluation.batch_size,
        dtype=training.forward_dtype(params.evaluation.precision, device),
    )


def mapped(
    experiment: Experiment,
    scheme: SchemeName,
    crossbar_size: int,
    mitigation: Mitigation = "none",
    w_max_quantile: float | None = None,
) -> Subject:
    """Put the network of a scheme onto crossbars, with or without mitigation.

    Args:
        experiment: whose network.
        scheme: how it was pruned.
        crossbar_size: rows and columns of the crossbars.
        mitigation: what is done against the non-idealities.
        w_max_quantile: quantile of a layer's |w| that programs the highest conductance; the parameters' if not given.
    """
    checkpoint = experiment.load(experiment.variant(scheme, crossbar_size), wct="WCT" in mitigation)
    order = experiment.params.rearrange.order if mitigation in ("R", "R+WCT") else "none"
    arrangement = ordered_by_mean_conductance(order)
    return placed(experiment, checkpoint, crossbar_size, mitigation, arrangement, w_max_quantile)


def arranged(experiment: Experiment, scheme: SchemeName, crossbar_size: int) -> Subject:
    """Put the network of a scheme onto crossbars under R2D; see ``mitigation.arrange2d``."""
    params = experiment.params
    checkpoint = experiment.load(experiment.variant(scheme, crossbar_size))
    arrangement = arranged_in_two_dimensions(
        params.devices, params.circuit, params.readout.gain, params.beyond.arrangement_rounds
    )
    return placed(experiment, checkpoint, crossbar_size, "R2D", arrangement)


def placed(
    experiment: Experiment,
    checkpoint: Checkpoint,
    crossbar_size: int,
    mitigation: Mitigation | FurtherMitigation,
    arrangement: Arrangement | None,
    w_max_quantile: float | None = None,
) -> Subject:
    """Put the network of a checkpoint onto crossbars.

    Networks that trained on after pruning keep the range of the network before, whose largest weights the checkpoint
    holds; a quantile of them is taken from that network.
    """
    metadata = checkpoint.metadata
    quantile = experiment.params.mapping.w_max_quantile if w_max_quantile is None else w_max_quantile
    w_max = metadata.w_max
    if quantile < 1:
        before = experiment.load(experiment.variant(metadata.scheme, crossbar_size))
        w_max = weight_quantiles(before.pruned, quantile)
    network = map_network(
        checkpoint.pruned, compaction_of(metadata.scheme), crossbar_size, w_max, arrangement
    )
    return Subject(network, metadata.scheme, metadata.sparsity, mitigation, metadata.software_accuracy)


def wires_only(experiment: Experiment, network: MappedNetwork) -> ReadOut:
    """What the crossbars of a network compute when nothing but the wires disturbs them."""
    return disturbed(network, Case("wires", None, ()), experiment.params.devices, experiment.params.circuit)


def inside(experiment: Experiment, network: MappedNetwork, layer: str, tile: int = 0) -> Potentials:
    """Voltages and currents inside one crossbar as programmed: positive weights, 1 V on every row, shape (rows, columns).

    NaN where there is no device, so that padding does not show.

    Raises:
        ValueError: the network has no such layer.
    """
    on_crossbars = layer_named(network, layer)
    tiles = on_crossbars.tiles.tile(on_crossbars.programmed(experiment.params.devices).plus)
    G = tiles[tile]
    found = node_voltages(G, experiment.params.circuit, torch.ones(len(G)))
    absent = torch.full_like(found.row, torch.nan)
    return Potentials(*(one.where(G > 0, absent) for one in (found.row, found.column, found.current)))


def layer_table(experiment: Experiment, mitigations: tuple[Mitigation, ...]) -> pd.DataFrame:
    """One row per layer for every scheme, crossbar size and mitigation, with the wires' non-ideality factor.

    Columns: experiment, dataset, network, scheme, crossbar_size, mitigation, layer, rows, columns, kept_weights,
    crossbars, crossbars_unpruned, utilisation, compression_rate, low_conductance_share, nf.
    """
    params, tables = experiment.params, []
    for subject in _subjects(experiment, mitigations):
        read = wires_only(experiment, subject.mapped)
        table = subject.mapped.layer_table(params.devices, params.mapping.low_conductance_threshold)
        table["nf"] = [layer.non_ideality_factor for layer in read.layers]
        size = {"crossbar_size": subject.mapped.crossbar_size}
        names = {"scheme": subject.scheme, **size, "mitigation": subject.mitigation}
        tables.append(with_leading(table, leading(experiment) | names))
    return pd.concat(tables, ignore_index=True)


def total_table(layers: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``layer_table`` summed over layers: crossbars, compression, share and utilisation of whole networks."""
    cells = layers["crossbars"] * layers["crossbar_size"] ** 2
    devices = layers["utilisation"] * cells
    low = layers["low_conductance_share"] * devices
    keys = ["experiment", "network", "scheme", "crossbar_size", "mitigation"]
    summed = layers.assign(cells=cells, devices=devices, low=low).groupby(keys, sort=False, as_index=False)
    names = ["kept_weights", "crossbars", "crossbars_unpruned", "cells", "devices", "low"]
    table = summed[names].sum()
    table["utilisation"] = table["devices"] / table["cells"]
    table["compression_rate"] = table["crossbars_unpruned"] / table["crossbars"]
    table["low_conductance_share"] = table["low"] / table["devices"]
    return table.drop(columns=["cells", "devices", "low"])


def evaluate(
    experiment: Experiment, stage: str, mitigations: tuple[Mitigation, ...], effects: tuple[Effects, ...]
) -> pd.DataFrame:
    """The sweep over every scheme, crossbar size, effect and seed; see ``evaluation.sweep``.

    Gain modes are compared without mitigation; mitigations are evaluated at the readout's gain.

    Args:
        experiment: the experiment.
        stage: name of the stage; an interrupted sweep goes on from its journal.
        mitigations: which of its networks, and how mapped.
        effects: what acts on them.
    """
    settings = experiment.params.evaluation
    gain = experiment.params.readout.gain
    gains = settings.gains if mitigations == ("none",) else (gain,)
    wanted = cases(effects, settings.variation_seeds, gains, gain)
    total = len(SCHEMES) * len(experiment.params.mapping.crossbar_sizes) * len(mitigations)
    journal = experiment.resume(f"{stage}.csv")
    with spreading.workers(experiment.params.execution) as workers:
        table = sweep(_subjects(experiment, mitigations), wanted, bench(experiment), journal, total, workers)
    return with_leading(table, leading(experiment))


def with_unmitigated(experiment: Experiment, table: pd.DataFrame) -> pd.DataFrame:
    """The evaluations of a mitigation behind those of the same networks without any.

    Raises:
        ArtifactError: the stage ``06_evaluate`` has not written its table.
    """
    unmitigated = read_table(experiment.results("06_evaluate") / "evaluation.csv").astype({"seed": "Int64"})
    return pd.concat([unmitigated, table], ignore_index=True)


def _subjects(experiment: Experiment, mitigations: tuple[Mitigation, ...]) -> Iterator[Subject]:
    for scheme in SCHEMES:
        for size in experiment.params.mapping.crossbar_sizes:
            for mitigation in mitigations:
                yield mapped(experiment, scheme, size, mitigation)


def leading(experiment: Experiment) -> dict[str, str]:
    """The columns that name an experiment, in front of every table."""
    return {
        "experiment": experiment.name,
        "dataset": experiment.section.dataset,
        "network": experiment.section.network,
    }
