"""The paper's statements C1 to C5, tested on a profile's numbers."""

from xbarpaper.claims.conventions import Convention
from xbarpaper.claims.examining import ClaimReport, examine, images_per_test_set
from xbarpaper.claims.judging import Claim, Verdict

__all__ = ["Claim", "ClaimReport", "Convention", "Verdict", "examine", "images_per_test_set"]
