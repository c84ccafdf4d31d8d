"""Every mitigation there is: ``FURTHER`` is where a new one is added, in a line."""

from __future__ import annotations

from typing import Final

from xbarpaper.mitigation.arrange2d import R2D
from xbarpaper.mitigation.batch_norm import BN
from xbarpaper.mitigation.paper import PAPER
from xbarpaper.mitigation.precompensation import PC, PC_CHIP
from xbarpaper.mitigation.tuned_norms import NORMS
from xbarpaper.mitigation.tuning import TUNED
from xbarpaper.params import FURTHER_MITIGATIONS
from xbarpaper.support.registry import registry

_FURTHER = (R2D, BN, R2D + BN, NORMS, TUNED, TUNED + BN, PC, PC + BN, PC + NORMS, PC_CHIP)

FURTHER: Final = registry("mitigation", FURTHER_MITIGATIONS, ((one.name, one) for one in _FURTHER))
"""Those that the paper does not have, by name, in the order of tables and figures."""

MITIGATIONS: Final = {one.name: one for one in (*PAPER, *FURTHER.values())}
"""Every mitigation, by name."""
