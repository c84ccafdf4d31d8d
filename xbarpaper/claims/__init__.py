"""The paper's statements C1 to C5, tested on a profile's numbers, and what its tables say besides."""

from xbarpaper.claims.examining import examine
from xbarpaper.claims.labels import Labels
from xbarpaper.claims.recovery import best_mitigations, recovery_table
from xbarpaper.claims.schema import Claim, ClaimReport, Convention, Verdict

__all__ = [
    "Claim",
    "ClaimReport",
    "Convention",
    "Labels",
    "Verdict",
    "best_mitigations",
    "examine",
    "recovery_table",
]
