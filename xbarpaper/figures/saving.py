"""Figures as files, PNG and SVG, with the same bytes on every run, and the captions that go with them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

from xbarpaper.figures.style import ArtifactFigure, apply_style
from xbarpaper.support import files
from xbarpaper.support.validation import Section, parse

PNG_DPI: Final = 200
# The date and the version of the program would change the files without changing the figure.
_METADATA: Final[dict[str, dict[str, Any]]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


class Caption(Section):
    """What stands with a figure: its files' name, a title, a text, and the command that makes it."""

    name: str
    title: str
    caption: str
    command: str


class _File(Section):
    captions: list[Caption]


def read_captions(path: Path) -> list[Caption]:
    """The captions of a stage, as ``Captions`` wrote them.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    return parse({"captions": files.read_json(path)}, str(path), _File).captions


@dataclass
class Captions:
    """The captions of a stage's figures, in the order in which they were saved."""

    entries: dict[str, Caption] = field(default_factory=dict)

    def add(self, caption: Caption) -> None:
        """Append a caption; one of the same name is replaced in its place."""
        self.entries[caption.name] = caption

    def write(self, path: Path | str) -> Path:
        """Write ``[{"name", "title", "caption", "command"}, ...]`` as JSON; returns the path."""
        rows = [caption.model_dump() for caption in self.entries.values()]
        return files.write_text(path, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def save(
    figure: ArtifactFigure, folder: Path | str, name: str, *, command: str, captions: Captions
) -> ArtifactFigure:
    """Write ``<folder>/<name>.png`` (200 dpi) and ``.svg``, and note the caption.

    Args:
        figure: what to save, with its heading and caption.
        folder: where to.
        name: of the files, without suffix.
        command: the shell command that makes this figure.
        captions: the collection that the caption joins.

    Returns:
        The figure, so that it can be a notebook cell's last line.

    Raises:
        ValueError: the figure has no heading or no caption.
        ArtifactError: the folder cannot be written.
    """
    entry = Caption(name=name, title=figure.heading, caption=figure.caption, command=command)
    if not entry.title or not entry.caption:
        raise ValueError(f"figure {name!r} needs a title and a caption")
    apply_style()
    figure.settle()
    for suffix, metadata in _METADATA.items():
        # Identifiers in the SVG are counted from the salt, so two figures of one page must not share it.
        with (
            mpl.rc_context({"svg.hashsalt": f"xbarpaper-{name}"}),
            files.atomic(Path(folder) / f"{name}.{suffix}") as path,
        ):
            figure.savefig(path, format=suffix, dpi=PNG_DPI, metadata=metadata)
    captions.add(entry)
    return figure
