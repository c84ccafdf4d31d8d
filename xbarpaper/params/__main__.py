"""Chooses the active profile: ``python -m xbarpaper.params write NAME`` writes ``params.yaml`` whole."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from xbarpaper.params.writing import write
from xbarpaper.support.errors import command


@command("profile")
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m xbarpaper.params", description=__doc__)
    parser.add_argument("action", choices=["write"])
    parser.add_argument("profile", help="of profiles/")
    arguments = parser.parse_args()
    print(write(arguments.profile, Path()))


if __name__ == "__main__":
    sys.exit(main())
