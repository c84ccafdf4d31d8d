"""The paper's two mitigations, R (columns rearranged at mapping time) and WCT (weights limited in training), and ours.

R2D arranges rows and columns where the wires distort the weights least, BN re-estimates batch-norm statistics on each
chip, tuning trains on through the circuits, and precompensation programs the devices such that the wires' error cancels.
"""

from xbarpaper.mitigation.arrange2d import arranged_in_two_dimensions, predicted_error
from xbarpaper.mitigation.batch_norm import BatchNormEstimate
from xbarpaper.mitigation.precompensation import Precompensation
from xbarpaper.mitigation.rearrange import ordered_by_mean_conductance
from xbarpaper.mitigation.tuning import Surroundings, adjoint_cosine, solutions, tune
from xbarpaper.mitigation.wct import WeightLimits, limits_of

__all__ = [
    "BatchNormEstimate",
    "Precompensation",
    "Surroundings",
    "WeightLimits",
    "adjoint_cosine",
    "arranged_in_two_dimensions",
    "limits_of",
    "ordered_by_mean_conductance",
    "predicted_error",
    "solutions",
    "tune",
]
