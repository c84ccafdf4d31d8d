"""``python -m xbarpaper.report``: publish the active profile, as the pipeline's last stage."""

from __future__ import annotations

import sys

from xbarpaper import params
from xbarpaper.errors import ArtifactError
from xbarpaper.report import publish


def main() -> int:
    """Command line; returns the exit code: 0, or 1 after an error told in one line."""
    try:
        folder = publish(params.load())
    except ArtifactError as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    print(f"published: {folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
