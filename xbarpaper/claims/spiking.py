"""S1 and S2, statements of arXiv 2206.09599 about spiking networks, from what ``21_spiking`` measured.

Effects, intervals and levels are those of ``effects``. A network's kind and coding take the place of the scheme.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from xbarpaper.claims.context import Context, concluded
from xbarpaper.claims.effects import Question
from xbarpaper.claims.schema import OwnClaim

_NETWORK: Final = ["experiment", "dataset", "network", "crossbar_size"]
_PLACE: Final = [*_NETWORK, "kind", "coding", "seed", "training_seed"]
_NEEDED: Final = [*_NETWORK, "scheme", "seed", "training_seed", "effect", "testable"]
_GROWING: Final = {
    "output_error": "growth of the outputs' relative error", "loss": "growth of the accuracy lost"
}  # fmt: skip


def spiking_statements(context: Context, table: pd.DataFrame) -> list[OwnClaim]:
    """S1 and S2 on the tidy table ``spiking``; none where it is empty."""
    if table.empty:
        return []
    noise = "fresh" if "fresh" in set(table["read_noise"]) else "none"
    rows = context.trained_rows(table[table["read_noise"] == noise])
    rows = rows.assign(
        loss=rows["software_accuracy"] - rows["accuracy"],
        output_error=100 * rows["output_error"],
        limit=context.limits(rows),
    )
    margin = context.settings.equivalence_points
    grown = [_grown(rows, what, name, margin) for what, name in _GROWING.items()]
    few = _few_steps(rows, context.params.spiking.train_steps, margin)
    return [concluded("S1", grown, context), concluded("S2", [few], context)]


def _grown(rows: pd.DataFrame, what: str, name: str, margin: float) -> Question:
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
    return Question(name, "", pairs[_NEEDED], unit="percentage points", margin=margin)


def _few_steps(rows: pd.DataFrame, train_steps: int, margin: float) -> Question:
    """What the converted network loses after the last step, minus what the trained one loses after its own."""
    place = [name for name in _PLACE if name != "kind"]
    trained = rows[(rows["kind"] == "trained") & (rows["steps"] == train_steps)]
    converted = rows[(rows["kind"] == "converted") & (rows["steps"] == rows["steps"].max())]
    pairs = converted.merge(trained, on=place, suffixes=("", "_trained"), validate="one_to_one")
    pairs = pairs.assign(
        effect=pairs["loss"] - pairs["loss_trained"],
        testable=(pairs["software_accuracy"] > pairs["limit"]) & (pairs["accuracy_trained"] > pairs["limit"]),
        scheme=pairs["coding"],
    )
    name = "loss of the converted network minus that of the trained one"
    return Question(name, "", pairs[_NEEDED], margin=margin)
