"""``python -m xbarpaper.report``: publish the active profile, as the pipeline's last stage.

``python -m xbarpaper.report readme`` makes the parts of README.md that come from the published reports.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from xbarpaper import params
from xbarpaper.pipeline import inputs
from xbarpaper.pipeline.notebook import find_root
from xbarpaper.report import publish, readme
from xbarpaper.support.errors import ArtifactError


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0, or 1 after an error told in one line."""
    parser = argparse.ArgumentParser(prog="python -m xbarpaper.report", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("publish", "readme"), default="publish")
    what = parser.parse_args(arguments).what
    try:
        if what == "readme":
            print("README.md: updated" if readme.update() else "README.md: nothing to update")
        else:
            inputs.check(find_root())
            print(f"published: {publish(params.load()) / 'index.html'}")
    except ArtifactError as error:
        print(f"{what}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
