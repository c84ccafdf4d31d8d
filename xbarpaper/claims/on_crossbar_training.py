"""T1 to T6, statements of arXiv 2002.11151 about training on crossbars, from what ``20_on_crossbar_training`` measured.

Each compares what two ways of training lose against the same training in software. Effects, intervals and levels are
those of ``effects``, over trainings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from xbarpaper.claims.context import Context, concluded
from xbarpaper.claims.effects import Question
from xbarpaper.claims.schema import OwnClaim
from xbarpaper.params import Params

TOLERATED: Final = (0.1, 1.0)
"""Published write non-linearities: one that training tolerates, and one that it does not."""
PUBLISHED_THRESHOLDS: Final = {"write_nonlinearity": "0.1", "write_noise": "5, in units that are not known"}
BEST_RATIO: Final = 5.0
"""Published best ON/OFF ratio, where it is the highest resistance that differs."""
_PLACE: Final = ["experiment", "dataset", "network", "crossbar_size", "training_seed"]


def training_statements(context: Context, table: pd.DataFrame) -> list[OwnClaim]:
    """Those of T1 to T6 whose two ways of training are in the tidy table ``on_crossbar_training``."""
    if table.empty:
        return []
    rows = context.trained_rows(table)
    rows = rows.assign(
        training_seed=rows["seed"],
        loss=rows["software_accuracy"] - rows["accuracy"],
        scheme="trained on crossbars",
        testable=rows["software_accuracy"] > context.limits(rows),
    )
    settings = context.params.on_crossbar_training
    usual = settings.usual(context.params.devices)
    noises, ratios = (
        [usual[name], *tried]
        for name, tried in (("write_noise", settings.write_noises), ("on_off_ratio", settings.on_off_ratios))
    )
    small, large = TOLERATED
    asked: dict[str, tuple[str, dict[str, Any], dict[str, Any] | None]] = {
        "T1": ("lost against software", {}, None),
        "T2": ("lost beyond the forward pass", {}, {"phases": "forward"}),
        "T3": (f"lost by a write non-linearity of {large:g} beyond that of {small:g}",
               {"write_nonlinearity": large}, {"write_nonlinearity": small}),
        "T4": (f"lost by a write noise of {max(noises):g} beyond that of {min(noises):g}",
               {"write_noise": max(noises)}, {"write_noise": min(noises)}),
        "T5": (f"lost at an ON/OFF ratio of {max(ratios):g} beyond that of {BEST_RATIO:g}",
               {"on_off_ratio": max(ratios)}, {"on_off_ratio": BEST_RATIO}),
        "T6": (f"lost by {settings.refresh_steps} steps between solutions beyond one",
               {}, {"refresh_steps": 1}),
    }  # fmt: skip
    found = []
    for identity, (words, change, beside) in asked.items():
        own = rows_of(rows, usual | change)
        effect = own.assign(effect=own["loss"])
        if beside is not None:
            pairs = own.merge(rows_of(rows, usual | beside), on=_PLACE, suffixes=("", "_beside"))
            effect = pairs.assign(effect=pairs["loss"] - pairs["loss_beside"])
        if len(effect) and (beside is None or usual | change != usual | beside):
            needed = effect[[*_PLACE, "scheme", "effect", "testable"]]
            margin = context.settings.equivalence_points
            question = Question(words, "", needed, over="training_seed", margin=margin)
            found.append(concluded(identity, [question], context))
    return found


def thresholds(table: pd.DataFrame, params: Params) -> pd.DataFrame:
    """How bad writes may be: the largest value with which, as with all smaller ones, training loses next to nothing more.

    Next to nothing is ``claims.software_tolerance_points`` more than at the smallest value, mean over the trainings.

    Args:
        table: the tidy table ``on_crossbar_training``.
        params: the profile.

    Returns:
        Columns: parameter, tried, tolerated, published.
    """
    usual = params.on_crossbar_training.usual(params.devices)
    lost = table.assign(lost=table["software_accuracy"] - table["accuracy"])
    rows = []
    for name, published in PUBLISHED_THRESHOLDS.items():
        own = rows_of(lost, {other: value for other, value in usual.items() if other != name})
        means = own.groupby(name)["lost"].mean()
        held = (means - means.iloc[0] <= params.claims.software_tolerance_points).cummin()
        tried = ", ".join(f"{value:g}" for value in means.index)
        rows.append(
            {"parameter": name, "tried": tried, "tolerated": means.index[held].max(), "published": published}
        )
    return pd.DataFrame(rows)


def rows_of(rows: pd.DataFrame, case: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with the values of a case; numbers may have been rounded in a table's file."""
    here = pd.Series(True, index=rows.index)
    for name, value in case.items():
        here &= rows[name] == value if isinstance(value, str) else np.isclose(rows[name], value)
    return rows[here]
