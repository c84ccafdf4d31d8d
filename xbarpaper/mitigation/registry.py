"""Every mitigation there is: ``FURTHER`` is where a new one is added, in a line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from xbarpaper.mitigation.arrange2d import R2D
from xbarpaper.mitigation.batch_norm import BN
from xbarpaper.mitigation.paper import PAPER
from xbarpaper.mitigation.parts import Mitigation
from xbarpaper.mitigation.precompensation import PC, PC_CHIP
from xbarpaper.mitigation.tuned_norms import NORMS
from xbarpaper.mitigation.tuning import TUNED
from xbarpaper.params import FURTHER_MITIGATIONS


def by_name(mitigations: Iterable[Mitigation]) -> dict[str, Mitigation]:
    """Mitigations by their names.

    Raises:
        ValueError: two have the same name.
    """
    found: dict[str, Mitigation] = {}
    for one in mitigations:
        if one.name in found:
            raise ValueError(f"two mitigations are called {one.name}; each needs a name of its own")
        found[one.name] = one
    return found


FURTHER: Final = by_name((R2D, BN, R2D + BN, NORMS, TUNED, TUNED + BN, PC, PC + BN, PC + NORMS, PC_CHIP))
"""Those that the paper does not have, by name, in the order of tables and figures."""

if tuple(FURTHER) != FURTHER_MITIGATIONS:
    raise ValueError(f"further mitigations are {', '.join(FURTHER_MITIGATIONS)}, not {', '.join(FURTHER)}")

MITIGATIONS: Final = by_name((*PAPER, *FURTHER.values()))
"""Every mitigation, by name."""
