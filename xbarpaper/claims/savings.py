"""C1: structured pruning saves crossbars and keeps the accuracy in software."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from xbarpaper.claims.groups import Place, levels_above
from xbarpaper.claims.labels import groups_of
from xbarpaper.claims.replicates import MOST_SEEDS, POWER, TRAINING_SEEDS, seeds_needed
from xbarpaper.claims.rules import conclude, count_words
from xbarpaper.claims.schema import Claim, Outcome, Verdict
from xbarpaper.claims.statements import Statement
from xbarpaper.params import SCHEMES, Params
from xbarpaper.support.statistics import mean_interval, proportion_difference
from xbarpaper.support.words import count

# A test set that nobody will collect; beyond it the answer is "more than".
MOST_IMAGES: Final = 10_000_000


@dataclass(frozen=True)
class Saving:
    """Crossbars and software accuracies of one pruned network, trained once or several times.

    Attributes:
        place: which network, crossbar size and scheme, or the level above.
        rates: crossbar-compression-rates.
        unpruned, pruned: software accuracy, percent, shape (training seeds,).
        training_seeds: of the accuracies; empty where different networks were averaged.
        images: of the test set; of the smallest where several are joined.
    """

    place: Place
    rates: list[float]
    unpruned: NDArray[np.float64]
    pruned: NDArray[np.float64]
    training_seeds: tuple[int, ...]
    images: int | None

    @property
    def rate(self) -> float:
        """Geometric mean of the rates."""
        return float(np.exp(np.log(self.rates).mean()))

    @property
    def losses(self) -> NDArray[np.float64]:
        """Software accuracy lost, points, shape (training seeds,)."""
        return self.unpruned - self.pruned

    @property
    def over_training(self) -> bool:
        """Whether training seeds are enough to add their spread."""
        return len(self.training_seeds) >= TRAINING_SEEDS


def crossbar_savings(
    statement: Statement, evaluation: pd.DataFrame, params: Params, test_images: Mapping[str, int]
) -> Claim:
    """Test C1, for every pruned network and crossbar size and the levels above.

    Args:
        statement: C1.
        evaluation: the tidy table of evaluations.
        params: the profile.
        test_images: dataset -> images in its test set, nothing where unknown.
    """
    singles = _savings(evaluation, params, test_images)
    joined = [
        _joined(place, [singles[index] for index in members])
        for place, members in levels_above([single.place for single in singles])
    ]
    rates = [rate for single in singles for rate in single.rates]
    notes = []
    if rates:
        notes.append(f"The crossbar-compression-rate lies between {min(rates):.2f} and {max(rates):.2f}.")
    rows = [_verdict(saving, params) for saving in [*singles, *joined]]
    return conclude(statement, rows, main=["none"], notes=notes)


def _savings(evaluation: pd.DataFrame, params: Params, test_images: Mapping[str, int]) -> list[Saving]:
    keys = ["experiment", "crossbar_size", "scheme"]
    table = evaluation[evaluation["mitigation"] == "none"].drop_duplicates(keys).set_index(keys)
    found = []
    for group in groups_of(params):
        for scheme in SCHEMES[1:]:
            for size in params.mapping.crossbar_sizes:
                trained = {
                    seed: name
                    for seed, name in group.experiments.items()
                    if (name, size, scheme) in table.index and (name, size, "unpruned") in table.index
                }
                if not trained:
                    continue
                pruned = table.loc[[(name, size, scheme) for name in trained.values()]]
                unpruned = table.loc[[(name, size, "unpruned") for name in trained.values()]]
                place = Place(
                    "comparison", group.name, group.network, group.dataset, size, scheme, "none", len(trained)
                )
                found.append(
                    Saving(
                        place=place,
                        rates=[float(rate) for rate in pruned["compression_rate"]],
                        unpruned=unpruned["software_accuracy"].to_numpy(dtype=np.float64),
                        pruned=pruned["software_accuracy"].to_numpy(dtype=np.float64),
                        training_seeds=tuple(trained),
                        images=test_images.get(group.dataset),
                    )
                )
    return found


def _joined(place: Place, members: Sequence[Saving]) -> Saving:
    """Averaged within each training seed, where all members have the same ones."""
    alike = len({member.training_seeds for member in members}) == 1
    known = [member.images for member in members if member.images is not None]

    def mean(name: str) -> NDArray[np.float64]:
        values = [getattr(member, name) for member in members]
        return np.asarray(np.mean(values if alike else [[value.mean()] for value in values], axis=0))

    return Saving(
        place=place,
        rates=[rate for member in members for rate in member.rates],
        unpruned=mean("unpruned"),
        pruned=mean("pruned"),
        training_seeds=members[0].training_seeds if alike else (),
        images=min(known) if len(known) == len(members) else None,
    )


def _verdict(saving: Saving, params: Params) -> Verdict:
    claims = params.claims
    loss, low, high = bounds(saving, claims.confidence)
    least, most = (loss, loss) if low is None or high is None else (low, high)
    tolerance = claims.software_tolerance_points
    outcome = decide(saving.rates, least, most, tolerance)
    behind = [f"{saving.images} test images"] if saving.images is not None else []
    behind += [count(len(saving.losses), "training seed")] if saving.over_training else []
    interval = ""
    if low is not None:
        interval = (
            f" ({100 * claims.confidence:g} % interval {least:+.2f} to {most:+.2f} from {', '.join(behind)})"
        )
    needed = _needed(saving, tolerance, claims.confidence) if outcome == "undecided" else ""
    return Verdict(
        **saving.place.fields,
        verdict=outcome,
        effect=loss,
        low=low,
        high=high,
        unit="points lost",
        n=len(saving.losses) if saving.over_training else saving.images,
        inference="training seed" if saving.over_training else "test image",
        needed_seeds=needed,
        summary=(
            f"{saving.place.words}: {saving.rate:.2f} times fewer crossbars; software accuracy "
            f"{saving.pruned.mean():.2f} % against {saving.unpruned.mean():.2f} % unpruned, {loss:+.2f} points "
            f"lost{interval}, tolerance {tolerance:g}: {outcome}."
            + (
                f" At this loss, {needed} would decide it with a chance of {100 * POWER:g} %."
                if needed
                else ""
            )
        ),
        details={
            "compression_rate": saving.rate,
            "smallest_compression_rate": min(saving.rates),
            "software_accuracy": float(saving.pruned.mean()),
            "software_accuracy_unpruned": float(saving.unpruned.mean()),
            "tolerance_points": tolerance,
            "test_images": saving.images,
        },
    )


def bounds(saving: Saving, confidence: float) -> tuple[float, float | None, float | None]:
    """The loss and its interval: from the test images, joined with the spread over training seeds.

    The images are the same for every network, so averaging networks makes their share no smaller.
    """
    loss = float(saving.losses.mean())
    below, above = [], []
    if saving.images is not None:
        shares = float(saving.unpruned.mean()) / 100, float(saving.pruned.mean()) / 100
        low, high = proportion_difference(*shares, (saving.images, saving.images), confidence)
        below.append(loss - 100 * low)
        above.append(100 * high - loss)
    if saving.over_training:
        _, least, most = mean_interval(saving.losses, confidence)
        if least is not None and most is not None:
            below.append(loss - least)
            above.append(most - loss)
    if not below:
        return loss, None, None
    return loss, loss - math.hypot(*below), loss + math.hypot(*above)


def decide(rates: Sequence[float], least: float, most: float, tolerance: float) -> Outcome:
    """Apply the threshold of C1 to compression rates and the bounds of a loss, points."""
    if float(np.log(rates).mean()) <= 0 or least > tolerance:
        return "not supported"
    return "supported" if most <= tolerance and min(rates) > 1 else "undecided"


def _needed(saving: Saving, tolerance: float, confidence: float) -> str:
    """Training seeds where their spread counts, else images, that would tell the loss from the tolerance."""
    distance = tolerance - float(saving.losses.mean())
    if saving.images is not None and distance != 0:
        shares = np.array([saving.unpruned.mean(), saving.pruned.mean()]) / 100
        reach = stats.norm.ppf(0.5 + confidence / 2) + stats.norm.ppf(POWER)
        images = math.ceil(float((shares * (1 - shares)).sum()) * (100 * float(reach) / distance) ** 2)
        # More training seeds do not help where the images are too few.
        if images > saving.images or not saving.over_training:
            return count_words(images if images <= MOST_IMAGES else None, MOST_IMAGES, "test image")
    if not saving.over_training:
        return ""
    needed = seeds_needed(distance, float(saving.losses.std(ddof=1)), 1 - confidence)
    return count_words(needed, MOST_SEEDS, "training seed")
