"""S1 and S2, statements of arXiv 2206.09599 about spiking networks, from what ``21_spiking`` measured.

Effects, intervals and levels are those of ``effects``. A network's kind and coding take the place of the scheme.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from xbarpaper.claims.answering import concluded
from xbarpaper.claims.effects import Question, trained_rows
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.schema import OwnClaim
from xbarpaper.claims.statements import Statement
from xbarpaper.params import Params

_PLACE: Final = [
    "experiment",
    "dataset",
    "network",
    "crossbar_size",
    "kind",
    "coding",
    "seed",
    "training_seed",
]
_NEEDED: Final = [
    "experiment", "dataset", "network", "crossbar_size", "scheme", "seed", "training_seed", "effect", "testable"
]  # fmt: skip


def spiking_statements(
    texts: Mapping[str, Statement], table: pd.DataFrame, params: Params, chance: Mapping[str, float]
) -> list[OwnClaim]:
    """S1 and S2; none where the profile has no spiking networks.

    Args:
        texts: the statements by id.
        table: the tidy table ``spiking``.
        params: the profile.
        chance: dataset -> accuracy of guessing, percent.
    """
    if not len(table):
        return []
    noise = "fresh" if "fresh" in set(table["read_noise"]) else "none"
    rows = trained_rows(table[table["read_noise"] == noise], params, Labels.of(params))
    rows = rows.assign(
        loss=rows["software_accuracy"] - rows["accuracy"],
        output_error=100 * rows["output_error"],
        limit=rows["dataset"].map(chance) + params.claims.chance_distance_points,
    )
    margin = params.claims.equivalence_points
    return [
        concluded(texts["S1"], [_grown(rows, what, margin) for what in ("output_error", "loss")], params),
        concluded(texts["S2"], [_few_steps(rows, params)], params),
    ]


def _grown(rows: pd.DataFrame, what: str, margin: float) -> Question:
    """How much an error is larger after the last step than after the first with which the network guesses nowhere."""
    reached = rows.groupby([*_PLACE[:-2], "steps"])[["software_accuracy", "accuracy"]].transform("mean")
    known = reached.min(axis=1) > rows["limit"]
    last = rows[rows["steps"] == rows["steps"].max()]
    first = rows[known].sort_values("steps", kind="stable").groupby(_PLACE, sort=False).head(1)
    pairs = last.merge(first, on=_PLACE, how="left", suffixes=("", "_before"), validate="one_to_one")
    pairs = pairs.assign(
        effect=(pairs[what] - pairs[f"{what}_before"]).fillna(0.0),
        testable=pairs["steps_before"] < pairs["steps"],
        scheme=pairs["kind"] + ", " + pairs["coding"],
    )
    name = {"output_error": "growth of the outputs' relative error", "loss": "growth of the accuracy lost"}[
        what
    ]
    return Question("S1", name, "", pairs[_NEEDED], unit="percentage points", margin=margin)


def _few_steps(rows: pd.DataFrame, params: Params) -> Question:
    """What the converted network loses after the last step, minus what the trained one loses after its own."""
    place = [name for name in _PLACE if name != "kind"]
    trained = rows[(rows["kind"] == "trained") & (rows["steps"] == params.spiking.train_steps)]
    converted = rows[(rows["kind"] == "converted") & (rows["steps"] == rows["steps"].max())]
    pairs = converted.merge(trained, on=place, suffixes=("", "_trained"), validate="one_to_one")
    pairs = pairs.assign(
        effect=pairs["loss"] - pairs["loss_trained"],
        testable=(pairs["software_accuracy"] > pairs["limit"]) & (pairs["accuracy_trained"] > pairs["limit"]),
        scheme=pairs["coding"],
    )
    return Question(
        "S2", "loss of the converted network minus that of the trained one", "", pairs[_NEEDED],
        margin=params.claims.equivalence_points,
    )  # fmt: skip
