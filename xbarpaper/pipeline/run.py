"""The command that executes a notebook as a stage: ``python -m xbarpaper.pipeline.run SOURCE TARGET -p NAME VALUE``.

Under ``make repro`` a process waits that has loaded torch and its kind already, and a copy of it does the work; without
such a process, this one does.
"""

from __future__ import annotations

import os
import sys

from xbarpaper.pipeline import warm


def main() -> int:
    """Command line; returns the exit code: 0, 1 after an error, 130 after Ctrl-C."""
    code = warm.executed(os.environ.get(warm.VARIABLE, ""), sys.argv[1:])
    if code is None:
        from xbarpaper.pipeline import executing

        code = executing.main(sys.argv[1:])
    return code


if __name__ == "__main__":
    sys.exit(main())
