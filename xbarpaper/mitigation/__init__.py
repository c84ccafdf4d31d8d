"""The paper's two mitigations, R (columns rearranged at mapping time) and WCT (weights limited in training), and ours.

R2D arranges rows and columns where the wires distort the weights least, BN re-estimates batch-norm statistics on each
chip, tuning trains on through the circuits, and precompensation programs the devices such that the wires' error cancels.
"""

from xbarpaper.mitigation.arrange2d import R2D, arranged_in_two_dimensions, predicted_error
from xbarpaper.mitigation.batch_norm import BN, BatchNormEstimate
from xbarpaper.mitigation.paper import PAPER
from xbarpaper.mitigation.parts import NONE, Costs, Mitigation, Start
from xbarpaper.mitigation.precompensation import PC, Precompensation
from xbarpaper.mitigation.rearrange import R, Rearranged, columns_ordered
from xbarpaper.mitigation.registry import FURTHER, MITIGATIONS
from xbarpaper.mitigation.tuning import TUNED, Surroundings, adjoint_cosine, solutions, surroundings, tune
from xbarpaper.mitigation.wct import WCT, TrainingUnderLimits, WeightLimits, limits_of

__all__ = [
    "BN", "FURTHER", "MITIGATIONS", "NONE", "PAPER", "PC", "R2D", "TUNED", "WCT", "BatchNormEstimate", "Costs",
    "Mitigation", "Precompensation", "R", "Rearranged", "Start", "Surroundings", "TrainingUnderLimits",
    "WeightLimits", "adjoint_cosine", "arranged_in_two_dimensions", "columns_ordered", "limits_of",
    "predicted_error", "solutions", "surroundings", "tune",
]  # fmt: skip
