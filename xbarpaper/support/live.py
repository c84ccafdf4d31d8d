"""What ``dvc metrics show data/live/metrics`` and ``dvc plots show`` find while stages still run.

The files lie outside of all outs, as DVC moves a stage's outs into place when the stage has ended. They are for looking
only: nothing reads them back, and deleting them loses nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from xbarpaper.support.files import write_table, write_text

LIVE = Path("data/live")
CURVES = LIVE / "curves"
METRICS = LIVE / "metrics"

Epoch = dict[str, float]


def training(name: str, history: Sequence[Epoch], epochs: int) -> None:
    """Show a training as it stands.

    Args:
        name: path of its files without suffix, for example ``quick-vgg11/trained-unpruned``.
        history: whole epochs: epoch, train_loss, train_accuracy and test_accuracy in percent, seconds it took.
        epochs: how many there will be.
    """
    if not history:
        return
    curve = pd.DataFrame(history).assign(run=name)
    curve["minutes"] = (curve.pop("seconds").cumsum() / 60).round(3)
    leading = ["run", "epoch", "minutes", "train_loss", "train_accuracy", "test_accuracy"]
    write_table(CURVES / f"{name}.csv", curve[leading])
    minutes, last = float(curve["minutes"].iloc[-1]), history[-1]
    left = minutes / len(history) * (epochs - len(history))
    _write(
        f"training/{name}",
        {
            "epoch": last["epoch"],
            "epochs": epochs,
            "train_loss": round(last["train_loss"], 4),
            "train_accuracy": round(last["train_accuracy"], 2),
            "test_accuracy": round(last["test_accuracy"], 2),
            "minutes": round(minutes, 1),
            "minutes_left": round(left, 1),
        },
    )


def crossbars(experiment: str, evaluated: pd.DataFrame, gain: str) -> None:
    """Show the accuracies that a stage has measured on crossbars: a file per mitigation and size, a number per scheme.

    Args:
        experiment: its name.
        evaluated: columns scheme, crossbar_size, mitigation, gain, accuracy and software_accuracy in percent, and
            effects where they vary.
        gain: the gain mode to show.
    """
    chosen = evaluated[evaluated["gain"] == gain]
    if "effects" in chosen:
        chosen = chosen[chosen["effects"] == "both"]
    for (mitigation, size), rows in chosen.groupby(["mitigation", "crossbar_size"]):
        means = rows.groupby("scheme")[["accuracy", "software_accuracy"]].mean().round(2)
        slug = re.sub("[+/]", "-", str(mitigation).lower()).replace(" ", "")
        _write(f"crossbars/{experiment}/{slug}-{size}", dict(means["accuracy"]))
        if mitigation == "none":
            _write(f"crossbars/{experiment}/software-{size}", dict(means["software_accuracy"]))


def _write(name: str, numbers: dict[str, float]) -> None:
    write_text(METRICS / f"{name}.json", json.dumps(numbers, indent=2) + "\n")
