"""Mitigations that the paper does not have, tried on an experiment's networks beside R and WCT.

R2D rearranges rows and columns at mapping time, BN re-estimates batch-norm statistics on each chip, tuning trains on
through the circuits, PC programs the devices such that the wires' error cancels, and PC/chip each chip such that its
devices' own deviations cancel too. Each is measured on the same devices as R and WCT are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from xbarpaper.experiments import checkpoints, crossbars
from xbarpaper.experiments.checkpoints import Checkpoint
from xbarpaper.experiments.evaluation import Finish, Subject, cases, sweep
from xbarpaper.experiments.experiment import Experiment, with_leading
from xbarpaper.hardware.effects import DeviceEffect, Variation
from xbarpaper.hardware.readout import LayerReadOut, read_out
from xbarpaper.mitigation import BatchNormEstimate, Precompensation, Surroundings, solutions, tune
from xbarpaper.networks import training
from xbarpaper.params import FURTHER_MITIGATIONS, MITIGATIONS, SCHEMES, FurtherMitigation, Gain, SchemeName
from xbarpaper.support import code, progress, spreading
from xbarpaper.support.errors import CheckpointError
from xbarpaper.support.files import read_table

STAGE = "11_beyond"
_EARLIER = ("06_evaluate", "07_rearrange", "08_wct")


def recovery(experiment: Experiment) -> pd.DataFrame:
    """Accuracies on the crossbars under every mitigation, the paper's and the further ones, on the same devices.

    Columns: experiment, dataset, network, scheme, sparsity, crossbar_size, mitigation, gain, seed, accuracy and
    software_accuracy in percent; the latter is of the network before any mitigation, the accuracy to win back.

    Raises:
        ArtifactError: a stage that evaluates without mitigation, R or WCT has not written its table.
    """
    params = experiment.params
    tables = [read_table(experiment.results(stage) / "evaluation.csv") for stage in _EARLIER]
    earlier: pd.DataFrame = pd.concat(tables, ignore_index=True)
    earlier = earlier[(earlier["effects"] == "both") & (earlier["gain"] == params.readout.gain)]
    total = len(SCHEMES) * len(params.mapping.crossbar_sizes) * len(FURTHER_MITIGATIONS)
    wanted = cases(("both",), params.evaluation.variation_seeds, (params.readout.gain,), params.readout.gain)
    bench, journal = crossbars.bench(experiment), experiment.resume(f"{STAGE}.csv")
    with spreading.workers(params.execution) as workers:
        further = sweep(_subjects(experiment), wanted, bench, journal, total, workers)
    table: pd.DataFrame = pd.concat(
        [earlier, with_leading(further, crossbars.leading(experiment))], ignore_index=True
    )
    before = (
        table[table["mitigation"] == "none"].groupby(["scheme", "crossbar_size"])["software_accuracy"].first()
    )
    table["software_accuracy"] = [
        before[scheme, size] for scheme, size in zip(table["scheme"], table["crossbar_size"], strict=True)
    ]
    table["seed"] = table["seed"].astype("Int64")
    columns = [
        "scheme",
        "sparsity",
        "crossbar_size",
        "mitigation",
        "gain",
        "seed",
        "accuracy",
        "software_accuracy",
    ]
    return table[["experiment", "dataset", "network", *columns]]


def tuned(experiment: Experiment, scheme: SchemeName, crossbar_size: int) -> Checkpoint:
    """The network of a scheme fine-tuned through its crossbars; one that was finished before is taken up again."""
    params = experiment.params
    kept = experiment.resume(f"tuned-{scheme}-{crossbar_size}.safetensors")
    parameters = _parameters(experiment, scheme, crossbar_size)
    try:
        return checkpoints.load(kept, parameters, experiment.images)
    except CheckpointError as error:
        if kept.exists():
            progress.note(f"tuning anew: {error}")
    subject = crossbars.mapped(experiment, scheme, crossbar_size)
    pruned = subject.mapped.pruned
    run = training.Run(
        title=f"{experiment.name} {scheme}-{crossbar_size} tuned",
        settings=experiment.fine_tuning(scheme),
        epochs=params.beyond.tuning_epochs,
        learning_rate=params.beyond.tuning_learning_rate,
        seed=experiment.section.training_seed,
        teacher=experiment.teacher(),
        live=experiment.live(f"tuned-{scheme}-{crossbar_size}"),
    )
    tune(subject.mapped, experiment.images, run, surroundings(experiment))
    pruned.network.to("cpu")
    before = experiment.load(experiment.variant(scheme, crossbar_size)).metadata
    metadata = before.model_copy(
        update={"crossbar_size": crossbar_size, "parameters": parameters, "versions": checkpoints.versions()}
    )
    checkpoint = Checkpoint(pruned, metadata)
    checkpoints.save(kept, checkpoint)
    return checkpoint


def surroundings(experiment: Experiment) -> Surroundings:
    """What tuning puts between weights and results."""
    params = experiment.params
    return Surroundings(
        devices=params.devices,
        parasitics=params.circuit,
        gain=params.readout.gain,
        refresh_steps=params.beyond.tuning_refresh_steps,
        seed=experiment.section.training_seed,
    )


def compensation(experiment: Experiment) -> Precompensation:
    """How the devices of an experiment are programmed under PC and PC/chip."""
    params = experiment.params
    return Precompensation(
        params.devices, params.circuit, params.readout.gain, params.beyond.compensation_rounds
    )


def compensated_errors(experiment: Experiment, scheme: SchemeName, crossbar_size: int) -> pd.DataFrame:
    """How the error of a network's weights falls from round to round of the compensation.

    Columns: devices ("nominal" knows no chip, "of one chip" its devices), rounds, error (squared, over the squared
    weights, percent, the mean over layers, after the readout's gain, on the devices that were compensated for).
    """
    params, rows = experiment.params, []
    plain = crossbars.mapped(experiment, scheme, crossbar_size).mapped
    chip = (Variation(params.devices.variation_sigma, 0),)
    known: dict[str, tuple[DeviceEffect, ...]] = {"nominal": (), "of one chip": chip}
    one_round = replace(compensation(experiment), rounds=1)
    for name, effects in known.items():
        network = plain
        for rounds in range(params.beyond.compensation_rounds + 1):
            network = one_round.program(network, effects) if rounds else network
            read = read_out(network, params.devices, effects, params.circuit)
            errors = [_squared_error(layer, params.readout.gain) for layer in read.layers]
            rows.append({"devices": name, "rounds": rounds, "error": 100 * sum(errors) / len(errors)})
    return pd.DataFrame(rows)


def weight_errors(experiment: Experiment, subjects: Mapping[str, Subject]) -> pd.DataFrame:
    """Squared error of each layer's weights over its squared weights, percent: wires alone, after the readout's gain.

    Args:
        experiment: the experiment.
        subjects: networks on crossbars; a column for each, a row for each layer.
    """
    gain, columns = experiment.params.readout.gain, {}
    for name, subject in subjects.items():
        read = crossbars.wires_only(experiment, subject.mapped)
        errors = {}
        for layer in read.layers:
            errors[layer.layer.name] = 100 * _squared_error(layer, gain)
        columns[name] = errors
    return pd.DataFrame(columns).rename_axis("layer")


def _squared_error(layer: LayerReadOut, gain: Gain) -> float:
    left = layer.effective_weights * layer.gains(gain) - layer.weights
    return float(left.square().sum() / layer.weights.square().sum())


def costs(experiment: Experiment) -> pd.DataFrame:
    """What each mitigation takes for one network.

    Columns: experiment, scheme, crossbar_size, mitigation, training_images (shown with labels, once for all chips),
    chip_images (shown without labels, for each chip), circuit_solutions (of all crossbars, once for all chips),
    chip_solutions (the same for each chip, whose devices must have been read out).
    """
    params, images = experiment.params, len(experiment.images.train)
    batch = min(params.train.batch_size, images)
    steps = images // batch
    around = surroundings(experiment)
    epochs = {
        "R": 0,
        "WCT": params.wct.epochs,
        "R+WCT": params.wct.epochs,
        "tuned": params.beyond.tuning_epochs,
    }
    epochs["tuned+BN"] = epochs["tuned"]
    solved = {
        # none, R in both orders, padding spread evenly, and after each round
        "R2D": 4 + params.beyond.arrangement_rounds,
        "tuned": solutions(epochs["tuned"] * steps, around),
    }
    solved["PC"] = params.beyond.compensation_rounds
    solved |= {f"{name}+BN": count for name, count in solved.items()}
    shown = min(params.beyond.batch_norm_images, images)
    rows = [
        {
            "experiment": experiment.name,
            "scheme": scheme,
            "crossbar_size": size,
            "mitigation": mitigation,
            "training_images": epochs.get(mitigation, 0) * steps * batch,
            "chip_images": shown if mitigation.endswith("BN") else 0,
            "circuit_solutions": solved.get(mitigation, 0),
            "chip_solutions": params.beyond.compensation_rounds if mitigation == "PC/chip" else 0,
        }
        for scheme in SCHEMES
        for size in params.mapping.crossbar_sizes
        for mitigation in (*MITIGATIONS, *FURTHER_MITIGATIONS)
    ]
    return pd.DataFrame(rows)


def _subjects(experiment: Experiment) -> Iterator[Subject]:
    settings = experiment.params.beyond
    device = training.device_of(experiment.params.train)
    dtype = training.forward_dtype(experiment.params.evaluation.precision, device)
    estimate = BatchNormEstimate.drawn(experiment.images, settings.batch_norm_images, device, dtype)
    precompensation = compensation(experiment)
    for scheme in SCHEMES:
        for size in experiment.params.mapping.crossbar_sizes:
            plain = crossbars.mapped(experiment, scheme, size)
            arranged = crossbars.arranged(experiment, scheme, size)
            through = crossbars.placed(experiment, tuned(experiment, scheme, size), size, "tuned", None)
            compensated = replace(plain, mapped=precompensation.program(plain.mapped, effects=()))
            chip_by_chip = replace(plain, programming=precompensation)
            variants: list[tuple[FurtherMitigation, Subject, Finish | None]] = [
                ("R2D", arranged, None),
                ("BN", plain, estimate),
                ("R2D+BN", arranged, estimate),
                ("tuned", through, None),
                ("tuned+BN", through, estimate),
                ("PC", compensated, None),
                ("PC+BN", compensated, estimate),
                ("PC/chip", chip_by_chip, None),
            ]
            for name, subject, finish in variants:
                yield replace(subject, mitigation=name, finish=finish)


def _parameters(experiment: Experiment, scheme: SchemeName, crossbar_size: int) -> dict[str, object]:
    """All that a tuned network depends on, by dotted name, its code included."""
    params = experiment.params
    values = dict(experiment.parameters_behind(experiment.variant(scheme, crossbar_size), wct=False))
    sections = {"devices": params.devices, "circuit": params.circuit, "readout": params.readout}
    for prefix, section in sections.items():
        values |= {f"{prefix}.{name}": value for name, value in section.model_dump(mode="json").items()}
    chosen = {
        name: value
        for name, value in params.beyond.model_dump(mode="json").items()
        if name.startswith("tuning")
    }
    values |= {f"beyond.{name}": value for name, value in chosen.items()}
    values |= {
        f"distillation.{name}": value for name, value in params.distillation.model_dump(mode="json").items()
    }
    values |= {"mapping.w_max_quantile": params.mapping.w_max_quantile, "tuned at": crossbar_size}
    values["code"] = code.digest(__name__)
    before = experiment.load(experiment.variant(scheme, crossbar_size)).metadata
    values["began as"] = before.tensors_digest
    return values
