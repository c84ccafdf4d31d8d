"""The paper's two mitigations, R at mapping time and WCT in training, and three that it does not have."""

from xbarpaper.mitigation.batch_norm import BatchNormEstimate
from xbarpaper.mitigation.rearrange import ordered_by_mean_conductance
from xbarpaper.mitigation.tuning import Surroundings, adjoint_cosine, solutions, tune
from xbarpaper.mitigation.wct import WeightLimits, limits_of

__all__ = [
    "BatchNormEstimate",
    "Surroundings",
    "WeightLimits",
    "adjoint_cosine",
    "limits_of",
    "ordered_by_mean_conductance",
    "solutions",
    "tune",
]
