"""``python -m xbarpaper.report``: publish the active profile, as the pipeline's last stage."""

from __future__ import annotations

import sys

from xbarpaper import params
from xbarpaper.report import publish
from xbarpaper.support import inputs
from xbarpaper.support.errors import command
from xbarpaper.support.files import find_root


@command("publish")
def main() -> None:
    """Command line."""
    inputs.check(find_root(), "xbarpaper.report")
    print(f"published: {publish(params.load()) / 'index.html'}")


if __name__ == "__main__":
    sys.exit(main())
