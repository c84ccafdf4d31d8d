"""The paper's two mitigations: R rearranges columns at mapping time, WCT trains under a limit on the weights."""

from xbarpaper.mitigation.rearrange import ordered_by_mean_conductance
from xbarpaper.mitigation.wct import WeightLimits, limits_of

__all__ = ["WeightLimits", "limits_of", "ordered_by_mean_conductance"]
