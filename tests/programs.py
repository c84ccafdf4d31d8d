"""Programs that some tests use and that are no part of the locked environment: Chromium and ngspice."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter

import pytest

REQUIRE = "XBARPAPER_REQUIRE"
"""Environment variable with the names of programs whose absence fails the tests that need them: "chromium ngspice"."""
_NAMES = {"chromium": ("chromium", "chromium-browser"), "ngspice": ("ngspice",)}


def program(name: str) -> str:
    """Path of a program; the test is skipped where it is missing, and fails where it is required."""
    if path := next(filter(None, map(shutil.which, _NAMES[name])), None):
        return path
    reason = f"needs {name} (apt-get install {name})"
    if name in os.environ.get(REQUIRE, "").split():
        pytest.fail(f"{reason}; {REQUIRE} demands it", pytrace=False)
    pytest.skip(reason)


def summary(skipped: list[str]) -> str:
    """One line on the programs that were missing, from the reasons of all skipped tests; '' where none was."""
    missing = Counter(name for reason in skipped for name in re.findall(r"needs (\w+) \(apt-get", reason))
    if not missing:
        return ""
    counts = ", ".join(f"{count} need {name}" for name, count in sorted(missing.items()))
    return f"skipped for want of a program: {counts} (apt-get install {' '.join(sorted(missing))})"
