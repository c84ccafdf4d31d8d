"""Where the stages write."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DATA: Final = Path("data")
RESULTS: Final = DATA / "results"
"""Tables of an experiment's stages: ``<profile>/<experiment>/<stage>/<table>.csv``."""

SUMMARIES: Final = DATA / "summaries"
"""What the stages of a whole profile write: ``<profile>/<stage>``."""
