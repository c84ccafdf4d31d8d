"""What differs between two equal runs of a notebook, and its removal."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from xbarpaper.support.light_nbformat import nbformat

_VOLATILE_KEYS = [
    "metadata.papermill",
    "metadata.widgets",
    "metadata.signature",
    "metadata.language_info.version",
    "cell.metadata.papermill",
    "cell.metadata.execution",
    "cell.metadata.ExecuteTime",
]
# What a run says of a damaged file that it would have gone on from: its results are those of any other run.
_STARTED_ANEW = re.compile(r"^data/resume/.*, starting anew( \(.*\))?\n", re.MULTILINE)
_CELL_FILE = re.compile(r"<ipython-input-\d+-\w+>")


def strip(notebook: Any, root: Path) -> Any:
    """Remove from an executed notebook what differs between two equal runs.

    Counts and outputs stay. Times, the metadata of papermill and of widgets, random cell ids, progress (lines of
    standard error that hold a carriage return, ``progress.MARK`` included) and what a run says of damaged files to
    go on from go; the pieces in which a stream happened to arrive are joined; warnings name files relative to ``root``.

    Args:
        notebook: the executed notebook (nbformat 4), changed in place.
        root: the folder it ran in.

    Returns:
        ``notebook``.
    """
    from nbstripout import strip_output

    notebook = strip_output(
        notebook, keep_output=True, keep_count=True, keep_id=False, extra_keys=_VOLATILE_KEYS
    )
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _join_streams(cell.outputs, root)
    return notebook


def _join_streams(outputs: list[Any], root: Path) -> list[Any]:
    """One stdout and one stderr, in this order, for each run of streams between two other outputs."""
    joined: list[Any] = []
    pending: dict[str, Any] = {}

    def flush() -> None:
        if "stderr" in pending:
            pending["stderr"].text = _steady(pending["stderr"].text, root)
        if "stdout" in pending:
            pending["stdout"].text = _STARTED_ANEW.sub("", pending["stdout"].text)
        joined.extend(
            pending[name] for name in ("stdout", "stderr") if name in pending and pending[name].text
        )
        pending.clear()

    for output in outputs:
        if output.output_type != "stream":
            flush()
            joined.append(output)
        elif output.name in pending:
            pending[output.name].text += output.text
        else:
            pending[output.name] = output
    flush()
    return joined


def _steady(text: str, root: Path) -> str:
    """Standard error without progress and without what this run alone would call a file."""
    lines = [line for line in text.split("\n") if "\r" not in line]
    return _CELL_FILE.sub("<cell>", "\n".join(lines)).replace(f"{root}{os.sep}", "") if any(lines) else ""


def to_text(notebook: Any) -> str:
    """The notebook as the text of an .ipynb file, keys sorted."""
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"
