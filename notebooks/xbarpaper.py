"""Lets notebooks that are opened in this folder use the library beside it, whatever is installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
del sys.modules[__name__]
import xbarpaper  # noqa: E402, F401  # which takes this module's place
