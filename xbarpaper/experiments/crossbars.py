"""The networks of an experiment on crossbars: mapped under a mitigation, counted, and solved with nominal devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import torch

from xbarpaper.experiments import pruned, trained_on
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.experiments.subject import Subject
from xbarpaper.hardware.circuit import Potentials, node_voltages
from xbarpaper.hardware.conductances import is_low
from xbarpaper.hardware.mapped import MappedNetwork, map_network
from xbarpaper.hardware.readout import LayerReadOut, ReadOut, read_out
from xbarpaper.hardware.views import layer_named
from xbarpaper.mitigation.parts import NONE, Mitigation
from xbarpaper.params import SCHEMES, Params, SchemeName
from xbarpaper.pruning import compaction_of, weight_quantiles
from xbarpaper.support.statistics import spearman


def mapped(
    experiment: Experiment,
    scheme: SchemeName,
    crossbar_size: int,
    mitigation: Mitigation = NONE,
    w_max_quantile: float | None = None,
) -> Subject:
    """Put the network of a scheme onto crossbars, as a mitigation prepares it.

    Networks that trained on after pruning keep the range of the network before, unless the mitigation says otherwise.

    Args:
        w_max_quantile: quantile of a layer's |w| that programs the highest conductance; the parameters' if not given.
    """
    params, part = experiment.params, mitigation.trains
    checkpoint = ranged = pruned.load(experiment.origin, pruned.variant(scheme, crossbar_size))
    if part is not None:
        wanted = trained_on.variant(part, scheme, crossbar_size)
        trained_on.make_missing(experiment, [(part, wanted)])
        checkpoint = trained_on.load(experiment, part, wanted)
        ranged = ranged if part.keeps_range(params) else checkpoint
    quantile = params.mapping.w_max_quantile if w_max_quantile is None else w_max_quantile
    network = map_network(
        checkpoint.pruned,
        compaction_of(scheme),
        crossbar_size,
        weight_quantiles(ranged.pruned, quantile),
        None if mitigation.arranges is None else mitigation.arranges.arrangement(params),
    )
    programming = None
    if (programs := mitigation.programs) is not None:
        programming = programs.programming(params)
        if not programs.each_chip:
            network, programming = programming.program(network, effects=()), None
    finishes = mitigation.finishes
    finish = None if finishes is None else finishes.finish(params, experiment.images)
    told = checkpoint.metadata
    return Subject(
        network, scheme, told.sparsity, mitigation.name, told.software_accuracy, finish, programming
    )


def subjects(
    experiment: Experiment, mitigations: Sequence[Mitigation], crossbar_sizes: Sequence[int]
) -> Iterator[Subject]:
    """Every scheme on crossbars of every size under every mitigation; what several prepare alike is prepared once."""
    parts = dict.fromkeys(one.trains for one in mitigations if one.trains is not None)
    wanted = [(part, one) for part in parts for one in trained_on.variants(part, SCHEMES, crossbar_sizes)]
    trained_on.make_missing(experiment, wanted)
    finished: dict[Any, Any] = {}
    for scheme in SCHEMES:
        for size in crossbar_sizes:
            prepared: dict[Any, Subject] = {}
            for one in mitigations:
                key = (one.trains, one.arranges, one.programs)
                if key not in prepared:
                    prepared[key] = mapped(experiment, scheme, size, replace(one, finishes=None))
                if one.finishes not in finished:
                    made = one.finishes and one.finishes.finish(experiment.params, experiment.images)
                    finished[one.finishes] = made
                yield replace(prepared[key], mitigation=one.name, finish=finished[one.finishes])


def wires_only(experiment: Experiment, network: MappedNetwork) -> ReadOut:
    """What the crossbars of a network compute when nothing but the wires disturbs them."""
    params = experiment.params
    return read_out(network, params.devices.nominal, [], params.circuit)


def inside(experiment: Experiment, network: MappedNetwork, layer: str) -> Potentials:
    """Voltages and currents inside the first crossbar of a layer: positive weights as programmed, 1 V on every row.

    Shape (rows, columns); NaN where there is no device, so that padding does not show.

    Raises:
        ValueError: the network has no such layer.
    """
    params, on_crossbars = experiment.params, layer_named(network, layer)
    G = on_crossbars.tiles.tile(on_crossbars.programmed(params.devices.nominal).plus)[0]
    found = node_voltages(G, params.circuit, torch.ones(len(G)))
    absent = torch.full_like(found.row, torch.nan)
    return Potentials(*(one.where(G > 0, absent) for one in (found.row, found.column, found.current)))


def layer_table(experiment: Experiment, mitigations: Sequence[Mitigation]) -> pd.DataFrame:
    """One row per layer for every scheme, crossbar size and mitigation, with the wires' non-ideality factor.

    Columns: experiment, dataset, network, scheme, crossbar_size, mitigation, layer, rows, columns, kept_weights,
    crossbars, crossbars_unpruned, utilisation, compression_rate, low_conductance_share, nf, share_nf_rho, share_error_rho
    (see ``associations``).
    """
    params, tables = experiment.params, []
    for subject in subjects(experiment, mitigations, params.mapping.crossbar_sizes):
        read = wires_only(experiment, subject.mapped)
        threshold = params.mapping.low_conductance_threshold
        table = subject.mapped.layer_table(params.devices.nominal, threshold)
        table["nf"] = [layer.non_ideality_factor for layer in read.layers]
        found = pd.DataFrame([associations(layer, params) for layer in read.layers], index=table.index)
        table = pd.concat([table, found], axis=1)
        names = {
            "scheme": subject.scheme, "crossbar_size": subject.mapped.crossbar_size, "mitigation": subject.mitigation
        }  # fmt: skip
        tables.append(with_leading(table, experiment.leading | names))
    return pd.concat(tables, ignore_index=True)


def associations(read: LayerReadOut, params: Params) -> dict[str, float]:
    """Do crossbars with more low conductances compute more accurately? Rank correlations over the crossbars of a layer.

    Returns:
        ``share_nf_rho``: of low-conductance share and non-ideality factor, each sign's crossbars by themselves;
        ``share_error_rho``: of share and relative squared error of the weights, after the readout's gain, of each pair of
        crossbars. NaN where the crossbars are too few, or all alike.
    """
    layer, devices = read.layer, params.devices.nominal
    pair, occupied = layer.programmed(devices), layer.tiles.occupied
    signs = torch.stack([layer.tiles.tile(pair.plus), layer.tiles.tile(pair.minus)])
    low = (is_low(signs, devices, params.mapping.low_conductance_threshold) & occupied).sum((2, 3))
    shares = low / occupied.sum((1, 2))
    missed = (read.weights - read.effective_weights * read.gains(params.readout.gain)).square().sum((1, 2))
    weights = read.weights.square().sum((1, 2))
    used = weights > 0
    found = {
        "share_nf_rho": spearman(shares.flatten(), read.tile_factors.flatten()),
        "share_error_rho": spearman(shares.mean(0)[used], (missed / weights)[used]),
    }
    return {name: float("nan") if rho is None else rho for name, rho in found.items()}


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
