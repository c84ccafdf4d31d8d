"""What every claim is tested with: the profile, the statements, and what is known of its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from xbarpaper.claims.labels import Labels
from xbarpaper.claims.statements import Statement
from xbarpaper.params import Claims, Params


@dataclass(frozen=True)
class Context:
    """What every claim is tested with.

    Attributes:
        params: the profile.
        chance: dataset -> accuracy of guessing, percent.
        texts: the statements by id.
        images: dataset -> images in its test set.
    """

    params: Params
    chance: Mapping[str, float]
    texts: Mapping[str, Statement] = field(default_factory=dict)
    images: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def labels(self) -> Labels:
        """Words of the profile."""
        return Labels.of(self.params)

    @property
    def settings(self) -> Claims:
        """Confidence, margins and tolerance."""
        return self.params.claims

    def limits(self, rows: pd.DataFrame) -> pd.Series:
        """Accuracy up to which a network is as good as guessing (rule ``chance``), percent, for each row."""
        return rows["dataset"].map(self.chance) + self.settings.chance_distance_points

    def trained_rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows with replicates as one experiment, and the training seed of every experiment."""
        seeds = {name: one.training_seed for name, one in self.params.experiments.items()}
        own = table.assign(training_seed=table["experiment"].map(seeds))
        return own.assign(experiment=self.labels.pooled(table)["experiment"])
