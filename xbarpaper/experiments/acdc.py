"""AC/DC beside gradual pruning: networks that saw the training images equally often, on the same devices.

A network of AC/DC is trained from scratch, for as many epochs as training, pruning and fine-tuning take together, with
the recipe of the unpruned one (the section ``train``); the pruned one keeps its own recipe, its teacher included.
"""

from __future__ import annotations

from typing import Any, Final, cast

import pandas as pd

from xbarpaper.experiments import pruned, trained
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.checkpoints import Checkpoint
from xbarpaper.experiments.evaluation import cases, sweep
from xbarpaper.experiments.experiment import Apart, Experiment, Variant, with_leading
from xbarpaper.experiments.side_by_side import side_by_side
from xbarpaper.experiments.subject import Subject
from xbarpaper.experiments.trained import Trained
from xbarpaper.hardware.mapped import map_network
from xbarpaper.networks import build, training
from xbarpaper.networks.runs import Run
from xbarpaper.params import Params, PrunedSchemeName
from xbarpaper.params.names import SCHEDULES
from xbarpaper.pruning import AcDc, PrunedNetwork, compaction_of, scheme_named, weight_quantiles
from xbarpaper.support import spreading

STAGE: Final = "19_acdc"
_FOLDER: Final = "acdc"
_COLUMNS: Final = [
    "scheme", "sparsity", "crossbar_size", "schedule", "gain", "seed", "accuracy", "software_accuracy", "crossbars",
    "compression_rate",
]  # fmt: skip


def phases(params: Params) -> pd.DataFrame:
    """The phases of a training: kind, and its first and last epoch, from 1."""
    starts = [0, *params.acdc.changes(params.pruned_epochs)]
    kinds = [("dense", "compressed")[number % 2] for number in range(len(starts))]
    ends = [*starts[1:], params.pruned_epochs]
    return pd.DataFrame({"phase": kinds, "first": [start + 1 for start in starts], "last": ends})


def by_phase(params: Params, alternated: list[Trained]) -> pd.DataFrame:
    """Test accuracy in software after the last epoch of each phase, percent: a column for each scheme."""
    found = phases(params)
    for one in alternated:
        accuracies = one.training.set_index("epoch")["test_accuracy"]
        found[one.variant.scheme] = accuracies.loc[found["last"]].tolist()
    return found


def train(experiment: Experiment) -> list[Trained]:
    """Train a network of every scheme by AC/DC, from scratch, and keep it; a killed run goes on."""
    settings, there = experiment.params.acdc, Apart(experiment, _FOLDER)
    wanted = [pruned.variant(scheme, settings.crossbar_size) for scheme in settings.schemes]
    named = {f"{experiment.name} {one.label} by AC/DC": (one,) for one in wanted}
    results = []
    for one, done in zip(wanted, side_by_side(there, _alternated, named), strict=True):
        network, history, accuracy = done
        where = there.checkpoint_path(one, "alternated"), _behind(there, one)
        results.append(trained.kept(there, one, SCHEDULES[1], network, history, *where, accuracy=accuracy))
    return results


def _behind(experiment: Experiment, wanted: Variant) -> dict[str, Any]:
    """Every parameter that a network of AC/DC depends on, by dotted name."""
    params = experiment.params
    return trained.named(experiment, train=params.train) | {
        "prune.first_convolution": params.prune.first_convolution,
        "prune.classifier": params.prune.classifier,
        "acdc.compressed_phases": params.acdc.compressed_phases,
        "epochs": params.pruned_epochs,
        "scheme": wanted.scheme,
        "crossbar_size": wanted.crossbar_size,
    }


def _alternated(experiment: Experiment, wanted: Variant) -> tuple[PrunedNetwork, pd.DataFrame, float]:
    """A network trained by AC/DC, a row for each epoch, and its accuracy without crossbars, percent."""
    params, section, label = experiment.params, experiment.section, f"alternated-{wanted.label}"
    schedule = AcDc(
        scheme_named(cast(PrunedSchemeName, wanted.scheme)),
        params.prune,
        section.sparsity,
        wanted.crossbar_size or pruned.ANY_SIZE,
        params.acdc.changes(params.pruned_epochs),
    )
    run = Run(
        title=f"{experiment.name} {wanted.label} by AC/DC",
        settings=params.train,
        epochs=params.pruned_epochs,
        learning_rate=params.train.learning_rate,
        seed=section.training_seed,
        resume=experiment.resume(f"{label}.safetensors"),
        schedule=schedule,
        live=experiment.live(label),
    )
    whole = build(experiment.architecture, section.training_seed)
    history = training.train(whole, experiment.images, run)
    network = schedule.pruned(whole)
    return network, history, trained.software_accuracy(experiment, network.network)


def compare(experiment: Experiment, alternated: list[Trained]) -> pd.DataFrame:
    """Evaluate what ``train`` gave beside the gradually pruned networks, on the same devices; a killed run goes on.

    Stages of their own pruned by the paper's schemes; unstructured pruning is done here.

    Returns:
        One row per scheme, schedule and seed, columns as in the tidy table ``acdc``, both effects acting.
    """
    params, gain = experiment.params, experiment.params.readout.gain
    subjects = []
    for one in alternated:
        both = _gradual(experiment, one.variant), one.checkpoint
        subjects += [_mapped(experiment, *pair) for pair in zip(both, SCHEDULES, strict=True)]
    wanted, journal = cases(("both",), params.acdc.variation_seeds, (gain,), gain), f"{STAGE}.csv"
    with spreading.workers(params.execution) as workers:
        table = sweep(subjects, wanted, bench(experiment), experiment.resume(journal), len(subjects), workers)
    return with_leading(table.rename(columns={"mitigation": "schedule"})[_COLUMNS], experiment.leading)


def _gradual(experiment: Experiment, wanted: Variant) -> Checkpoint:
    if wanted.scheme != "unstructured":
        return pruned.load(experiment, wanted)
    return pruned.prune(Apart(experiment, _FOLDER), wanted.scheme)[0].run.checkpoint


def _mapped(experiment: Experiment, checkpoint: Checkpoint, schedule: str) -> Subject:
    told, params = checkpoint.metadata, experiment.params
    quantiles = weight_quantiles(checkpoint.pruned, params.mapping.w_max_quantile)
    compaction, size = compaction_of(told.scheme), params.acdc.crossbar_size
    network = map_network(checkpoint.pruned, compaction, size, quantiles)
    return Subject(network, told.scheme, told.sparsity, schedule, told.software_accuracy)
