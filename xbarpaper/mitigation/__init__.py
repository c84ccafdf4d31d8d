"""The paper's two mitigations, R (columns rearranged at mapping time) and WCT (weights limited in training), and R2D.

R2D, two-dimensional rearrangement, is ours: rows and columns go where the wires distort the weights least.
"""

from xbarpaper.mitigation.arrange2d import arranged_in_two_dimensions, predicted_error
from xbarpaper.mitigation.rearrange import ordered_by_mean_conductance
from xbarpaper.mitigation.wct import WeightLimits, limits_of

__all__ = [
    "WeightLimits",
    "arranged_in_two_dimensions",
    "limits_of",
    "ordered_by_mean_conductance",
    "predicted_error",
]
