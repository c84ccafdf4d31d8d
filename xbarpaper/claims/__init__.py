"""The paper's statements C1 to C5, tested on a profile's numbers, and what its tables say besides."""

from xbarpaper.claims.examining import examine
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.recovery import recovery_table
from xbarpaper.claims.schema import Claim, ClaimReport, Verdict

__all__ = [
    "Claim",
    "ClaimReport",
    "Labels",
    "Verdict",
    "examine",
    "recovery_table",
]
