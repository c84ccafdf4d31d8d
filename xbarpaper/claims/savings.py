"""C1: structured pruning saves crossbars and keeps the accuracy in software."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final

import pandas as pd

from xbarpaper.claims.judging import Claim, Outcome, Verdict, conclude, with_summary
from xbarpaper.params import Params
from xbarpaper.statistics import proportion_difference

TEXT: Final = (
    "Structured pruning (C/F, XCS, XRS) cuts the number of crossbars (the crossbar-compression-rate) while "
    "keeping software accuracy."
)
RULE: Final = (
    "supported: the crossbar-compression-rate is above 1 and the upper bound of the loss of software "
    "accuracy is at most claims.software_tolerance_points. not supported: the rate is at most 1, or the "
    "lower bound of the loss is above the tolerance. undecided: anything else. The interval (Newcombe's, "
    "from Wilson's scores) takes the two accuracies as independent draws of the test set's size, which is "
    "wider than need be, as both networks see the same images. One trained network each; where the size of "
    "the test set is unknown the loss is taken as it stands."
)


def crossbar_savings(evaluation: pd.DataFrame, params: Params, test_images: Mapping[str, int]) -> Claim:
    """Test C1 by ``RULE``, for every pruned network and crossbar size.

    Args:
        evaluation: the tidy table of evaluations.
        params: the profile.
        test_images: dataset -> images in its test set, nothing where unknown.
    """
    table = evaluation[evaluation["mitigation"] == "none"]
    table = table.drop_duplicates(["experiment", "scheme", "crossbar_size"])
    keys = ["experiment", "crossbar_size"]
    unpruned = table[table["scheme"] == "unpruned"].set_index(keys)["software_accuracy"]
    pruned = table[table["scheme"] != "unpruned"]
    verdicts = [
        _verdict(row, float(unpruned[row["experiment"], row["crossbar_size"]]), params, test_images)
        for row in pruned.to_dict("records")
    ]
    rates = pruned["compression_rate"]
    note = f"The crossbar-compression-rate lies between {rates.min():.2f} and {rates.max():.2f}."
    return conclude("C1", TEXT, RULE, verdicts, main=["none"], notes=[note] if len(rates) else [])


def _verdict(
    row: Mapping[Hashable, Any], unpruned: float, params: Params, test_images: Mapping[str, int]
) -> Verdict:
    claims = params.claims
    rate, accuracy, images = (
        row["compression_rate"],
        row["software_accuracy"],
        test_images.get(row["dataset"]),
    )
    loss, low, high = unpruned - accuracy, None, None
    if images is not None:
        bounds = proportion_difference(unpruned / 100, accuracy / 100, (images, images), claims.confidence)
        low, high = (100 * bound for bound in bounds)
    least, most = (loss, loss) if low is None or high is None else (low, high)
    outcome = decide(rate, least, most, claims.software_tolerance_points)
    interval = (
        ""
        if images is None
        else (
            f" ({100 * claims.confidence:g} % interval {least:+.2f} to {most:+.2f} from {images} test images)"
        )
    )
    verdict = Verdict(
        experiment=row["experiment"],
        network=row["network"],
        dataset=row["dataset"],
        crossbar_size=int(row["crossbar_size"]),
        scheme=row["scheme"],
        mitigation="none",
        verdict=outcome,
        effect=loss,
        low=low,
        high=high,
        p=None,
        p_holm=None,
        n=images,
        unit="points lost",
        summary="",
        details={
            "compression_rate": rate,
            "software_accuracy": accuracy,
            "software_accuracy_unpruned": unpruned,
            "tolerance_points": claims.software_tolerance_points,
        },
    )
    return with_summary(
        verdict,
        f"{verdict.place}: {rate:.2f} times fewer crossbars; software accuracy {accuracy:.2f} % against "
        f"{unpruned:.2f} % unpruned, {loss:+.2f} points lost{interval}, tolerance "
        f"{claims.software_tolerance_points:g}: {outcome}.",
    )


def decide(rate: float, least: float, most: float, tolerance: float) -> Outcome:
    """Apply ``RULE`` to a compression rate and the bounds of a loss, points."""
    if rate <= 1 or least > tolerance:
        return "not supported"
    return "supported" if most <= tolerance else "undecided"
