"""Faults on purpose: what the artifact does when jobs are killed, disks fill, files break and input is wrong."""

import sys
from pathlib import Path

# `python -m tests.faults` finds here what pytest finds by itself: the modules that tests share.
_TESTS = str(Path(__file__).parents[1])
if _TESTS not in sys.path:
    sys.path.append(_TESTS)
