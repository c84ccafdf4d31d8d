"""Where in the space of conventions the paper's claims live: one parameter at a time around the profile's own point.

``plan`` lists the points: along eight axes, and on two maps over pairs of axes. ``train`` makes the networks of other
sparsities than the experiment's. ``evaluate`` evaluates points that coincide once and reports them under each of their
axes. ``regions`` says where each claim has the claimed sign.
"""

from xbarpaper.experiments.sensitivity.claimed import CLAIMS, effects, overview, regions, with_loss
from xbarpaper.experiments.sensitivity.evaluating import evaluate, subset, subset_indices
from xbarpaper.experiments.sensitivity.points import (
    AXES,
    MAPS,
    Axis,
    Conditions,
    Point,
    own_conditions,
    own_values,
    plan,
    text_of,
)
from xbarpaper.experiments.sensitivity.sparsities import AtSparsity, train

__all__ = [
    "AXES",
    "CLAIMS",
    "MAPS",
    "AtSparsity",
    "Axis",
    "Conditions",
    "Point",
    "effects",
    "evaluate",
    "overview",
    "own_conditions",
    "own_values",
    "plan",
    "regions",
    "subset",
    "subset_indices",
    "text_of",
    "train",
    "with_loss",
]
