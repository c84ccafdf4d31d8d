"""What figures, claims and the report need to start: no torch, so that they start in a second."""

from __future__ import annotations

import subprocess
import sys


def test_import_without_torch() -> None:
    code = "import sys, xbarpaper.figures, xbarpaper.claims, xbarpaper.report, xbarpaper.experiments.results"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)
