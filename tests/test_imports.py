"""What figures, claims and the report need to start: no torch, so that they start in a second."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["figures", "claims", "report", "experiments.results"])
def test_import_without_torch(package: str):
    code = f"import sys, xbarpaper.{package}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
