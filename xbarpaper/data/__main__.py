"""Writes which image files the datasets are prepared from, so that DVC prepares them again once these are others.

``python -m xbarpaper.data KIND`` writes ``data/sources/KIND``: for each dataset of that kind its name and the identity of
the files that its path or its environment variable names now. Files that are not there any more count as those that
the dataset was prepared from. For other kinds ``data/sources/`` holds a line of text that never changes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from xbarpaper import params
from xbarpaper.data import sources
from xbarpaper.data.images import record_beside, source_in
from xbarpaper.params import ImageFolder
from xbarpaper.support.errors import command
from xbarpaper.support.files import write_text

FOLDER: Final = Path("data/sources")
PREPARED: Final = Path("data/datasets")


def found(name: str, settings: ImageFolder) -> str:
    """Identity of a dataset's image files; "unknown" where neither they nor the prepared dataset are there.

    Raises:
        DatasetError: a file cannot be read.
    """
    path, prepared = sources.located(settings), PREPARED / f"{name}.safetensors"
    if path.exists():
        return sources.identity(path, record_beside(prepared))
    before = source_in(prepared)
    if before is not None:
        print(f"{name}: {path} is not there; the images that were prepared before are used")
    return before or "unknown"


@command("sources")
def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m xbarpaper.data", description=__doc__)
    parser.add_argument("kind", choices=["image_folder"])
    kind = parser.parse_args().kind
    wanted = {name: entry for name, entry in params.load().datasets.items() if isinstance(entry, ImageFolder)}
    lines = [f"{name} {found(name, entry)}\n" for name, entry in sorted(wanted.items())]
    write_text(FOLDER / kind, "".join(lines))


if __name__ == "__main__":
    sys.exit(main())
