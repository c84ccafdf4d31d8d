"""Run a profile from nothing and compare what comes out with the committed report: ``python -m tools.verify``.

Files that are equal byte for byte need no more words. Of the others, tables and verdicts are compared number by
number within stated tolerances (``tolerances``), and what shows them must have the same parts (``shown``).
"""

from tools.verify.comparing import Comparison, compare
from tools.verify.values import Difference

__all__ = ["Comparison", "Difference", "compare"]
