"""The paper's mitigations: none, R, WCT, and both."""

from __future__ import annotations

from typing import Final

from xbarpaper.mitigation.parts import NONE, Mitigation
from xbarpaper.mitigation.rearrange import R
from xbarpaper.mitigation.wct import WCT
from xbarpaper.params import MITIGATIONS

PAPER: Final[tuple[Mitigation, ...]] = (NONE, R, WCT, R + WCT)

if tuple(one.name for one in PAPER) != MITIGATIONS:
    raise ValueError(f"the paper's mitigations are {', '.join(MITIGATIONS)}, not {PAPER}")
