"""The paper's mitigations: none, R, WCT, and both."""

from __future__ import annotations

from typing import Final

from xbarpaper.mitigation.parts import NONE, Mitigation
from xbarpaper.mitigation.rearrange import R
from xbarpaper.mitigation.wct import WCT
from xbarpaper.params import MITIGATIONS
from xbarpaper.support.registry import registry

_NAMED = registry("mitigation", MITIGATIONS, ((one.name, one) for one in (NONE, R, WCT, R + WCT)))

PAPER: Final[tuple[Mitigation, ...]] = tuple(_NAMED.values())
