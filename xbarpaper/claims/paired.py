"""C2, C3 and C4: what pruning costs on crossbars, and what R and WCT give back, paired by seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xbarpaper.claims.groups import Place, levels_above
from xbarpaper.claims.labels import Group, groups_of
from xbarpaper.claims.replicates import POWER, Replicates, Tested, averaged, comparison_effect, level_effect
from xbarpaper.claims.rules import conclude, corrected, effect_words, judge, needed_words, p_words
from xbarpaper.claims.schema import Claim, Outcome, Verdict
from xbarpaper.claims.statements import Statement
from xbarpaper.params import SCHEMES, Params

# What each mitigation is compared with: the same without R (C3), the same without WCT (C4), none (C5).
BASELINES: Final = {
    "C3": {"R": "none", "R+WCT": "WCT"},
    "C4": {"WCT": "none", "R+WCT": "R"},
    "C5": {"R+WCT": "none"},
}
# The effects that overall verdicts rest on: one family.
MAIN: Final = (("C2", "none"), ("C3", "R"), ("C4", "WCT"))


@dataclass(frozen=True)
class Pairs:
    """Accuracies of two conditions on the same devices, percent.

    Attributes:
        place: which comparison.
        baseline: what it is compared with.
        accuracy_after, accuracy_before: shape (training seeds, variation seeds).
        software_after, software_before: shape (training seeds,).
        training_seeds, variation_seeds: of rows and columns.
    """

    place: Place
    baseline: str
    accuracy_after: NDArray[np.float64]
    accuracy_before: NDArray[np.float64]
    software_after: NDArray[np.float64]
    software_before: NDArray[np.float64]
    training_seeds: tuple[int, ...]
    variation_seeds: tuple[int, ...]

    @property
    def gained(self) -> Replicates:
        """Accuracy after minus before, points."""
        return self._replicates(self.accuracy_after - self.accuracy_before)

    @property
    def loss_reduced(self) -> Replicates:
        """Loss before minus loss after, each against its own software accuracy, points."""
        retrained = (self.software_after - self.software_before)[:, None]
        return self._replicates(self.accuracy_after - self.accuracy_before - retrained)

    @property
    def loss_added(self) -> Replicates:
        """Loss after minus loss before, points."""
        return self._replicates(-self.loss_reduced.values)

    def _replicates(self, values: NDArray[np.float64]) -> Replicates:
        return Replicates(values, self.training_seeds, self.variation_seeds)


@dataclass(frozen=True)
class Row:
    """A tested effect of a comparison or a level, and the pairs behind it.

    Attributes:
        place, pairs: what is tested.
        tested: the effect of the claim.
        loss: of the loss reduced.
        p_holm: corrected within the family.
        family: how many effects the family holds.
    """

    place: Place
    pairs: list[Pairs]
    tested: Tested
    loss: Tested
    p_holm: float | None = None
    family: int = 1

    def outcome(self, confidence: float) -> Outcome:
        """The rule ``paired``; a comparison needs the claimed sign in every trained network too."""
        found = judge(self.tested.effect, self.p_holm, confidence)
        lone = self.place.level == "comparison" and not self.tested.every_network
        return "undecided" if found == "supported" and lone else found

    def alpha(self, params: Params) -> float:
        """The level at which more seeds would be tested: the strictest that Holm asks for in the family."""
        return (1 - params.claims.confidence) / self.family

    @property
    def opposed(self) -> bool:
        """Does the accuracy rise without the loss falling?"""
        return self.tested.effect.effect > 0 and self.loss.effect.effect <= 0

    def mean(self, name: str) -> float:
        """Mean over the pairs of one of their accuracies."""
        return float(np.mean([getattr(pair, name).mean() for pair in self.pairs]))


Measured = dict[tuple[str, str], list[Row]]


def measure(evaluation: pd.DataFrame, params: Params) -> Measured:
    """Test every effect of C2, C3 and C4, and R+WCT against none for C5: rows by claim and mitigation."""
    table = compared_rows(evaluation, params, params.readout.gain)
    found = {("C2", "none"): pruning_rows(table, params)}
    for identity, baselines in BASELINES.items():
        for mitigation, baseline in baselines.items():
            pairs = _pairs(table, params, mitigation, baseline)
            found[identity, mitigation] = _rows(pairs, lambda pair: pair.gained, params)
    return with_families(found)


def pruning_rows(table: pd.DataFrame, params: Params, *, overall: bool = False) -> list[Row]:
    """What pruning costs: rows of C2, not corrected; only that of the overall effect if ``overall``."""
    pairs = _pairs(table, params, "none", "unpruned")
    return _rows(pairs, lambda pair: pair.loss_added, params, overall=overall)


def with_families(measured: Measured) -> Measured:
    """The same rows with p values corrected within the families of the rule ``families``."""
    rows = [(key, row) for key, members in measured.items() for row in members]
    families = []
    for key, row in rows:
        if row.place.level == "overall":
            families.append("main" if key in MAIN else "further")
        else:
            families.append(f"{key} {row.place.level}")
    values = corrected([row.tested.effect for _, row in rows], families)
    result: Measured = {key: [] for key in measured}
    for (key, row), p, family in zip(rows, values, families, strict=True):
        result[key].append(replace(row, p_holm=p, family=families.count(family)))
    return result


def compared_rows(evaluation: pd.DataFrame, params: Params, gain: str) -> pd.DataFrame:
    """The rows that claims compare: both effects, at one gain, with the training seed of each experiment."""
    seeds = {name: experiment.training_seed for name, experiment in params.experiments.items()}
    table = evaluation[(evaluation["effects"] == "both") & (evaluation["gain"] == gain)]
    return table.assign(training_seed=table["experiment"].map(seeds))


def _pairs(table: pd.DataFrame, params: Params, mitigation: str, baseline: str) -> list[Pairs]:
    """A mitigation and its baseline, or pruned and ``unpruned``, wherever the table has both."""
    pruning = baseline == "unpruned"
    before = table[table["mitigation"] == ("none" if pruning else baseline)]
    after = table[table["mitigation"] == mitigation]
    by = ["experiment", "crossbar_size", "seed"]
    if pruning:
        before, after = (
            before[before["scheme"] == "unpruned"],
            after[after["scheme"] != "unpruned"],
        )
    else:
        by.append("scheme")
    columns = ["accuracy", "software_accuracy"]
    joined = after.merge(before[[*by, *columns]], on=by, suffixes=("", "_before"))
    pairs = []
    for group in groups_of(params):
        own = joined[joined["experiment"].isin(group.experiments.values())]
        for scheme in SCHEMES:
            for size in params.mapping.crossbar_sizes:
                rows = own[(own["scheme"] == scheme) & (own["crossbar_size"] == size)]
                if len(rows):
                    pairs.append(_pair(rows, group, size, scheme, mitigation, baseline))
    return pairs


def _pair(rows: pd.DataFrame, group: Group, size: int, scheme: str, mitigation: str, baseline: str) -> Pairs:
    # A variation seed counts where every trained network has it.
    found = {
        name: rows.pivot(index="training_seed", columns="seed", values=name).dropna(axis="columns")
        for name in ("accuracy", "accuracy_before", "software_accuracy", "software_accuracy_before")
    }
    values = {name: matrix.to_numpy(dtype=np.float64) for name, matrix in found.items()}
    trained = tuple(int(seed) for seed in found["accuracy"].index)
    place = Place(
        "comparison", group.name, group.network, group.dataset, size, scheme, mitigation, len(trained)
    )
    return Pairs(
        place=place,
        baseline=baseline,
        accuracy_after=values["accuracy"],
        accuracy_before=values["accuracy_before"],
        software_after=values["software_accuracy"].mean(axis=1),
        software_before=values["software_accuracy_before"].mean(axis=1),
        training_seeds=trained,
        variation_seeds=tuple(int(seed) for seed in found["accuracy"].columns),
    )


def _rows(
    pairs: Sequence[Pairs], value: Callable[[Pairs], Replicates], params: Params, *, overall: bool = False
) -> list[Row]:
    settings = params.claims
    rows = [
        Row(
            pair.place,
            [pair],
            comparison_effect(value(pair), settings),
            comparison_effect(pair.loss_reduced, settings),
        )
        for pair in ([] if overall else pairs)
    ]
    for place, members in levels_above([pair.place for pair in pairs]):
        if overall and place.level != "overall":
            continue
        chosen = [pairs[index] for index in members]
        tested, loss = (
            level_effect(averaged([read(pair) for pair in chosen]), settings)
            for read in (value, lambda pair: pair.loss_reduced)
        )
        rows.append(Row(place, chosen, tested, loss))
    return rows


def pruning_costs(statement: Statement, measured: Measured, params: Params) -> Claim:
    """Test C2, for every pruned network and crossbar size and the levels above."""
    confidence = params.claims.confidence
    rows = []
    for row in measured["C2", "none"]:
        outcome = row.outcome(confidence)
        pruned = row.mean("software_after") - row.mean("accuracy_after")
        unpruned = row.mean("software_before") - row.mean("accuracy_before")
        who = "loses" if row.place.level == "comparison" else "the pruned networks lose"
        sentence = (
            f"{row.place.words}: {who} {pruned:.2f} points on the crossbars, unpruned {unpruned:.2f}; "
            f"difference {words_of(row.tested, confidence)}, corrected {p_words(row.p_holm)}: {outcome}."
        )
        rows.append(_verdict(row, outcome, sentence, params, "points of loss"))
    return conclude(statement, rows, main=["none"])


def mitigation_helps(statement: Statement, measured: Measured, params: Params) -> Claim:
    """Test C3 (R) or C4 (WCT), for every network, crossbar size and scheme and the levels above."""
    baselines = BASELINES[statement.id]
    tested = [row for name in baselines for row in measured[statement.id, name]]
    rows = [_mitigated(statement.id, row, params) for row in tested]
    singles = [row for row in tested if row.place.level == "comparison"]
    disagree = sum(row.opposed for row in singles)
    note = (
        f"In {disagree} of {len(singles)} the accuracy rises but the loss against the network's own "
        "software accuracy does not fall: there the gain may come from training on."
    )
    main = [name for name, baseline in baselines.items() if baseline == "none"]
    return conclude(statement, rows, main=main, notes=[note] if disagree else [])


def _mitigated(identity: str, row: Row, params: Params) -> Verdict:
    confidence = params.claims.confidence
    outcome = row.outcome(confidence)
    opposed = identity == "C4" and row.opposed
    if opposed and outcome == "supported":
        outcome = "undecided"
    sentence = (
        f"{row.place.words}: {row.place.mitigation} changes the accuracy on the crossbars from "
        f"{row.mean('accuracy_before'):.2f} % ({row.pairs[0].baseline}) to {row.mean('accuracy_after'):.2f} %, "
        f"{words_of(row.tested, confidence)}, corrected {p_words(row.p_holm)}: {outcome}."
    )
    if identity == "C4":
        sentence += (
            f" Software accuracy went from {row.mean('software_before'):.2f} to "
            f"{row.mean('software_after'):.2f} %; against its own software accuracy, the loss is reduced by "
            f"{words_of(row.loss, confidence)}" + (", so the two measures disagree." if opposed else ".")
        )
    return _verdict(row, outcome, sentence, params, "points")


def words_of(tested: Tested, confidence: float) -> str:
    """The effect with its interval and what it was tested over."""
    return effect_words(tested.effect, confidence, "pair" if tested.strata > 1 else tested.inference)


def _verdict(row: Row, outcome: Outcome, sentence: str, params: Params, unit: str) -> Verdict:
    effect, loss = row.tested.effect, row.loss.effect
    needed = needed_words(row.tested, row.alpha(params)) if outcome == "undecided" else ""
    if needed:
        sentence += (
            f" At this effect and spread, {needed} would decide it with a chance of {100 * POWER:g} %."
        )
    return Verdict(
        **row.place.fields,
        **vars(effect),
        verdict=outcome,
        p_holm=row.p_holm,
        unit=unit,
        inference=row.tested.inference,
        needed_seeds=needed,
        summary=sentence,
        details={
            "baseline": row.pairs[0].baseline,
            "comparisons": len(row.pairs),
            "family": row.family,
            "spread": row.tested.spread,
            "averaged_over_networks_p": row.tested.pooled_p,
            "loss_reduced": loss.effect,
            "loss_reduced_low": loss.low,
            "loss_reduced_high": loss.high,
        },
    )
