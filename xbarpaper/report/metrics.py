"""A few numbers that say how a commit or an experiment of DVC came out: ``dvc metrics diff``, ``dvc exp show``."""

from __future__ import annotations

import pandas as pd


def flat(evaluation: pd.DataFrame, verdicts: pd.DataFrame, gain: str) -> dict[str, float]:
    """Mean accuracies and the claims' overall effects, by name.

    Args:
        evaluation: tidy table of the evaluations, accuracies in percent.
        verdicts: table of the claims.
        gain: the mode of the read-out gain to take.

    Returns:
        ``software_<scheme>`` and ``crossbars_<scheme>`` without mitigation, ``crossbars_<mitigation>`` over all
        schemes, all in percent, and ``<claim>_<mitigation>`` in the unit of the claim.
    """
    rows = evaluation[(evaluation["gain"] == gain) & (evaluation["effects"] == "both")]
    plain = rows[rows["mitigation"] == "none"].groupby("scheme", sort=False)
    overall = verdicts[(verdicts["level"] == "overall") & verdicts["effect"].notna()]
    found = {
        **{f"software_{name}": mean for name, mean in plain["software_accuracy"].mean().items()},
        **{f"crossbars_{name}": mean for name, mean in plain["accuracy"].mean().items()},
        **{
            f"crossbars_{name}": mean
            for name, mean in rows.groupby("mitigation", sort=False)["accuracy"].mean().items()
        },
        **{f"{row.claim}_{row.mitigation}": row.effect for row in overall.itertuples()},
    }
    return {name.replace("+", "_"): round(float(number), 4) for name, number in found.items()}
