"""The search: many settings by predicted error, the best few by validation accuracy, the very best once on the test set.

Settings are judged by the mean over the pruned networks, at one crossbar size. For R the circuits of every setting are
solved once, with nominal devices, and those of the least error of the weights are evaluated. For WCT every limit is, and
then the best limit with other epochs and learning rates; trainings without a limit are there to compare with.
Devices of the search are drawn from seeds that no test uses, and those of the test are the ones of the other stages.

The networks that R and WCT start from have been trained on all training images, the validation images too: they are those
whose losses the other stages measure. So accuracies on validation images are too high, for all settings alike; trainings
under WCT do not see them. What is chosen may favour short trainings a little; what is reported comes from the test set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xbarpaper.data import ImageSet
from xbarpaper.experiments import crossbars, pruned, trained_on
from xbarpaper.experiments.bench import bench
from xbarpaper.experiments.checkpoints import Checkpoint
from xbarpaper.experiments.evaluation import Case, sweep
from xbarpaper.experiments.experiment import Apart, Experiment, with_leading
from xbarpaper.experiments.search import space
from xbarpaper.experiments.side_by_side import side_by_side
from xbarpaper.experiments.subject import Bench, Subject
from xbarpaper.hardware.mapped import MappedNetwork, map_network
from xbarpaper.mitigation import NONE, Mitigation, Rearranged
from xbarpaper.networks import inference
from xbarpaper.networks.digests import tensor_digest
from xbarpaper.params import SCHEMES, Claims, Rearrange, SchemeName, Wct
from xbarpaper.params.names import PRUNED_SCHEMES, PruneWhen
from xbarpaper.pruning import compaction_of, weight_quantiles
from xbarpaper.support import spreading
from xbarpaper.support.errors import ParameterError
from xbarpaper.support.statistics import mean_interval

STAGE: Final = "13_search"
_FOLDER: Final = "search"
_SPLIT: Final = 0  # seed that the validation images are drawn with
_FIRST_DRAW: Final = 500_000  # far from the seeds that test, and from those of tuning

_SPACE: Final = (
    "pruned", "mitigation", "setting", *Rearrange.model_fields, "cut_quantile", "epochs", "learning_rate", "rounds",
    "predicted_error", "accuracy", "software_accuracy", "gained", "gained_low", "gained_high", "draws", "images",
    "chosen",
)  # fmt: skip

Best = Mapping[PruneWhen, tuple[Rearrange, Wct]]


@dataclass(frozen=True)
class Searched:
    """What a search found."""

    space: pd.DataFrame  # a row per setting, see ``compared``
    # the settings of R and of WCT of the highest validation accuracy, by when the networks were pruned
    best: Best


def compared(experiment: Experiment) -> Searched:
    """Compare the settings of R and WCT on validation images.

    The table has the columns experiment, dataset, network, crossbar_size, pruned ("trained" or "init"), mitigation,
    setting, the settings one by one, predicted_error (of the weights, squared, percent; of R alone), and, of those that
    were evaluated, accuracy and software_accuracy in percent, gained with gained_low and gained_high (points of
    accuracy against no mitigation, paired by draw, with Student's interval), draws, images, and chosen (of the best).
    All are means over the pruned networks.
    """
    (experiment.checkpoints / _FOLDER).mkdir(parents=True, exist_ok=True)  # also where nothing is pruned anew
    tables, best = [], {}
    for when in experiment.params.search.prunings:
        there = _apart(experiment, when)
        found, settings = _compared(there)
        tables.append(found.assign(pruned=when))
        best[when] = settings
    size = {"crossbar_size": experiment.params.search.crossbar_size}
    table = pd.concat(tables, ignore_index=True)[list(_SPACE)]
    table = with_leading(table, experiment.leading | size)
    return Searched(table, best)


def tested(experiment: Experiment, best: Best) -> pd.DataFrame:
    """Evaluate the best settings once on the test set, beside the profile's own and what tells their parts apart.

    Columns: experiment, dataset, network, scheme, sparsity, crossbar_size, pruned, mitigation (see ``space.tested``),
    setting, effects, gain, seed, accuracy and software_accuracy in percent.
    """
    params, tables = experiment.params, []
    measured = bench(experiment)
    for when, (best_r, best_wct) in best.items():
        there = _apart(experiment, when)
        chosen = space.tested(params, best_r, best_wct)
        schemes = SCHEMES if when == "trained" else PRUNED_SCHEMES
        named = [replace(mitigation, name=name) for name, (_, mitigation) in chosen.items()]
        table = _swept(there, named, schemes, measured, range(params.evaluation.variation_seeds))
        words = {name: words for name, (words, _) in chosen.items()}
        tables.append(table.assign(pruned=when, setting=table["mitigation"].map(words)))
    columns = [
        "scheme", "sparsity", "crossbar_size", "pruned", "mitigation", "setting", "effects", "gain", "seed",
        "accuracy", "software_accuracy",
    ]  # fmt: skip
    return with_leading(pd.concat(tables, ignore_index=True)[columns], experiment.leading)


def least_errors(table: pd.DataFrame) -> pd.DataFrame:
    """The least predicted error of R with each value of each setting, percent, a row for each."""
    moved = table[(table["mitigation"] == "R") & (table["order"] != "none")]
    rows = [
        {"setting": name, "value": value, "predicted_error": group["predicted_error"].min()}
        for name in Rearrange.model_fields
        for value, group in moved.groupby(name, sort=False)
    ]
    return pd.DataFrame(rows).set_index(["setting", "value"])


def summary(table: pd.DataFrame, settings: Claims) -> pd.DataFrame:
    """Means of what ``tested`` gives, over the pruned networks and of the unpruned one.

    A row per mitigation: accuracy in percent; gained, points of accuracy on the crossbars, and loss_reduced, points of
    the loss against the network's own accuracy in software, both against no mitigation on the same devices, with
    Student's intervals over the draws.
    """
    networks = table["scheme"].where(table["scheme"] == "unpruned", "pruned, " + table["pruned"])
    rows = []
    for where, own in table.groupby(networks, sort=False):
        accuracy, software = _by_draw(own, "accuracy"), _by_draw(own, "software_accuracy")
        for name in own["mitigation"].unique():
            gained = accuracy[name] - accuracy[NONE.name]
            reduced = gained - (software[name] - software[NONE.name])
            row = {"networks": where, "mitigation": name, "accuracy": accuracy[name].mean()}
            for effect, values in (("gained", gained), ("loss_reduced", reduced)):
                numbers = mean_interval(values, settings.confidence)
                row |= dict(zip((effect, f"{effect}_low", f"{effect}_high"), numbers, strict=True))
            rows.append(row)
    return pd.DataFrame(rows).set_index(["networks", "mitigation"])


def _apart(experiment: Experiment, when: PruneWhen) -> Experiment:
    """The experiment without the validation images, which take the place of the test images."""
    origin, params = experiment, experiment.params
    if when != params.prune.when:
        prune = params.prune.model_copy(update={"when": when})
        changed = params.model_copy(update={"prune": prune})
        origin = Apart(experiment, f"{_FOLDER}/pruned-{when}", params=changed)
    images = held_out(experiment.images, params.search.validation_images)
    return Apart(origin, f"{_FOLDER}/held-out-{when}", images=images)


def held_out(images: ImageSet, count: int) -> ImageSet:
    """A dataset whose test images are training images, drawn at random, that its training images lack.

    Networks see images normalised as before. The same data gives the same split.

    Raises:
        ParameterError: not as many would be left to train on.
    """
    available = len(images.train)
    if count > available // 2:
        raise ParameterError(
            f"search.validation_images = {count} must be at most {available // 2}, half of the training images of "
            f"{images.name}"
        )
    order = torch.randperm(available, generator=torch.Generator().manual_seed(_SPLIT))
    validation, rest = order[:count].sort().values, order[count:].sort().values
    return replace(images.learning_from(rest), test=images.train[validation])


def _compared(there: Experiment) -> tuple[pd.DataFrame, tuple[Rearrange, Wct]]:
    """The rows of ``compared`` for networks pruned one way, and the best settings."""
    params, size = there.params, there.params.search.crossbar_size
    if isinstance(there.origin, Apart):
        for scheme in PRUNED_SCHEMES:
            pruned.prune(there.origin, scheme, (size,))
    orders = space.rearrangements(params)
    errors = _predicted_errors(there, orders)
    finalists = {0, *_most_promising(orders, errors)[: params.search.finalists]}  # 0 is the profile's own
    own = zip(orders, errors, strict=True)
    rows = [_row(one, there) | {"mitigation": "R", "predicted_error": error} for one, error in own]
    trainings, evaluated = space.trainings(params), [orders[at] for at in sorted(finalists)]
    found = _measured(there, [*evaluated, *trainings])

    def reached(one: space.Settings) -> float:
        return found[one]["accuracy"]

    # What moves nothing, or limits nothing, is there to compare with.
    best_limit = max((one for one in trainings if one.cut_quantile < 1), key=reached)
    further = space.refined(params, best_limit)
    found |= _measured(there, further) if further else {}
    trainings += further
    rows += [_row(one, there) | {"mitigation": "WCT"} for one in trainings]
    moved = [one for one in evaluated if one.order != "none"]
    best = max(moved or evaluated, key=reached), max((best_limit, *further), key=reached)
    every: list[space.Settings] = [*orders, *trainings]
    for row, one in zip(rows, every, strict=True):
        row |= {**found.get(one, {}), "chosen": one in best}
    return pd.DataFrame(rows).astype({"draws": "Int64"}), best


def _most_promising(orders: Sequence[Rearrange], errors: Sequence[float]) -> list[int]:
    """Places of settings, those of least error first; kinds of arrays and ranges take turns.

    Errors of the weights do not tell how they add up in a column, which differs between the kinds.
    """
    turns: Counter[tuple[str, str, bool]] = Counter()
    ranked = []
    for at in sorted(range(len(orders)), key=lambda at: errors[at]):
        kind = (orders[at].arrays, orders[at].range, orders[at].order == "none")
        ranked.append((turns[kind], at))
        turns[kind] += 1
    return [at for _, at in sorted(ranked, key=lambda one: one[0])]


def _row(settings: space.Settings, there: Experiment) -> dict[str, object]:
    told = {"setting": space.words_of(settings), "images": len(there.images.test)}
    return told | settings.model_dump(mode="json")


def _measured(
    there: Experiment, settings: Sequence[space.Settings]
) -> dict[space.Settings, dict[str, float]]:
    """What settings reach on the validation images, means over the pruned networks; see ``compared``."""
    params = there.params
    candidates = [NONE, *map(space.mitigation_of, settings)]
    seeds = range(_FIRST_DRAW, _FIRST_DRAW + params.search.variation_seeds)
    table = _swept(there, candidates, PRUNED_SCHEMES, bench(there), seeds)
    accuracy, software = _by_draw(table, "accuracy"), _by_draw(table, "software_accuracy")
    found = {}
    for one, mitigation in zip(settings, candidates[1:], strict=True):
        own = accuracy[mitigation.name]
        gained, low, high = mean_interval(own - accuracy[NONE.name], params.claims.confidence)
        row = {"accuracy": float(own.mean()), "software_accuracy": float(software[mitigation.name].mean())}
        interval = [np.nan if bound is None else bound for bound in (low, high)]
        row |= dict(zip(("gained", "gained_low", "gained_high"), (gained, *interval), strict=True))
        found[one] = row | {"draws": len(own)}
    return found


def _by_draw(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """The mean over networks, a row for each draw of the devices and a column for each mitigation."""
    return table.pivot_table(index="seed", columns="mitigation", values=value, sort=False)


def _predicted_errors(there: Experiment, settings: Sequence[Rearrange]) -> list[float]:
    """Squared error of the weights over the squared weights, percent, the mean over layers and pruned networks."""
    keys = list(dict.fromkeys(one.key for one in settings))
    grouped = {key: [at for at, one in enumerate(settings) if one.key == key] for key in keys}
    items, places = {}, []
    for scheme in PRUNED_SCHEMES:
        checkpoint = pruned.load(there.origin, pruned.variant(scheme, there.params.search.crossbar_size))
        for key, members in grouped.items():
            own = [settings[at] for at in members]
            items[f"{there.name} {scheme}, R by {key}"] = (checkpoint, scheme, own)
            places.append(members)
    errors = np.zeros(len(settings))
    for members, found in zip(places, side_by_side(there, _errors_of, items), strict=True):
        errors[members] += 100 * np.array(found) / len(PRUNED_SCHEMES)
    return [float(error) for error in errors]


def _errors_of(
    there: Experiment, checkpoint: Checkpoint, scheme: SchemeName, settings: Iterable[Rearrange]
) -> list[float]:
    """The errors of one network; what settings arrange alike is solved once."""
    params, known = there.params, dict[str, float]()
    w_max = weight_quantiles(checkpoint.pruned, params.mapping.w_max_quantile)
    size, found = params.search.crossbar_size, []
    for one in settings:
        arrangement = Rearranged(one).arrangement(params)
        network = map_network(checkpoint.pruned, compaction_of(scheme), size, w_max, arrangement)
        digest = _arranged(network)
        if digest not in known:
            layers = crossbars.wires_only(there, network).layers
            errors = [layer.squared_error(params.readout.gain) for layer in layers]
            known[digest] = sum(errors) / len(errors)
        found.append(known[digest])
    return found


def _arranged(network: MappedNetwork) -> str:
    """A text that differs where weights sit elsewhere or in another range."""
    parts: list[Tensor] = []
    for layer in network.layers:
        for tiles in (layer.tiles, layer.minus_tiles or layer.tiles):
            parts += [tiles.rows, tiles.columns]
        parts.append(torch.as_tensor(layer.w_max))
    return tensor_digest({str(number): part for number, part in enumerate(parts)})


def _swept(
    there: Experiment,
    mitigations: Sequence[Mitigation],
    schemes: Sequence[SchemeName],
    measured: Bench,
    seeds: Iterable[int],
) -> pd.DataFrame:
    """Evaluate mitigations, both effects acting; accuracies without crossbars are on the same images."""
    params, size = there.params, there.params.search.crossbar_size
    parts = {one.trains.name: one.trains for one in mitigations if one.trains is not None}
    wanted = [(part, trained_on.variant(part, scheme, size)) for part in parts.values() for scheme in schemes]
    trained_on.make_missing(there, wanted)

    def subjects() -> Iterator[Subject]:
        software: dict[tuple[str, str], float] = {}
        for scheme in schemes:
            for one in mitigations:
                subject = crossbars.mapped(there, scheme, size, one)
                key = (scheme, "" if one.trains is None else one.trains.name)
                if key not in software:
                    network = subject.mapped.network.to(measured.images.device)
                    software[key] = inference.accuracy(network, measured.images, measured.labels)
                yield replace(subject, software_accuracy=software[key])

    cases = [Case("both", seed, (params.readout.gain,)) for seed in seeds]
    total = len(schemes) * len(mitigations)
    with spreading.workers(params.execution) as workers:
        return sweep(subjects(), cases, measured, there.resume(f"{STAGE}.csv"), total, workers)
