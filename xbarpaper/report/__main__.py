"""``python -m xbarpaper.report``: publish the active profile, as the pipeline's last stage."""

from __future__ import annotations

import sys

from xbarpaper import params
from xbarpaper.report import publish
from xbarpaper.support import inputs
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.files import find_root


def main() -> int:
    """Command line; returns the exit code: 0, or 1 after an error told in one line."""
    try:
        inputs.check(find_root(), "xbarpaper.report")
        print(f"published: {publish(params.load()) / 'index.html'}")
    except ArtifactError as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
