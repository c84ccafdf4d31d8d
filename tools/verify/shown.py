"""Figures, executed notebooks and pages: what shows the tables, and is made from them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

PIXELS: Final = 0.01
"""Mean difference of two figures of the same tables, as a share of full scale: fonts are drawn to the pixel or nearly."""

_PROVENANCE: Final = re.compile(r"<dt>(Code|Hardware of training|Versions)</dt><dd>.*?</dd>", re.S)
_EMBEDDED: Final = re.compile(r"data:image/[^\"')]+")
_HEADING: Final = re.compile(r"<h[1-3][^>]*>(.*?)</h[1-3]>", re.S)
_VERDICT: Final = re.compile(r'<span class="badge [^>]*><span[^>]*>[^<]*</span>[^<]*</span>')


def judge(committed: Path, now: Path, remeasured: bool) -> tuple[bool, str]:
    """Two files of one name whose bytes differ.

    Numbers in them are not compared: they are those of the tables. Where the tables are identical, text must be so too,
    except for the commit, the machine and the versions that a page names.

    Args:
        committed: the file that is believed.
        now: the one to judge.
        remeasured: whether the tables differ.

    Returns:
        Whether it will do, and what to say about it.

    Raises:
        ValueError: one of them is damaged.
    """
    if committed.suffix == ".png":
        return _pictures(committed, now, remeasured)
    kinds = {".svg": _drawings, ".ipynb": _notebooks, ".html": _pages}
    if committed.suffix not in kinds:
        return False, "differs, and is of no kind that may"
    before, after = (path.read_text(encoding="utf-8") for path in (committed, now))
    return kinds[committed.suffix](before, after, remeasured)


def _pictures(committed: Path, now: Path, remeasured: bool) -> tuple[bool, str]:
    before, after = (_pixels(path) for path in (committed, now))
    if remeasured:
        return True, "drawn anew"
    if before.shape != after.shape:
        return False, "another size, of identical tables"
    off = float(np.abs(before - after).mean()) / 255
    return off <= PIXELS, f"pixels differ by {off:.2%} on average, of identical tables"


def _pixels(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"), dtype=np.float32)
    except (OSError, SyntaxError) as error:  # what PIL raises for what is no image
        raise ValueError(f"not an image: {error}") from None


def _drawings(before: str, after: str, remeasured: bool) -> tuple[bool, str]:
    if not after.rstrip().endswith("</svg>"):
        raise ValueError("not an SVG drawing")
    if remeasured:
        return True, "drawn anew"
    same = re.findall(r"<\w+", before) == re.findall(r"<\w+", after)
    return same, f"{'drawn a little otherwise' if same else 'other parts'}, of identical tables"


def _notebooks(before: str, after: str, remeasured: bool) -> tuple[bool, str]:
    theirs, ours = (_cells(text) for text in (before, after))
    if [cell["source"] for cell in theirs] != [cell["source"] for cell in ours]:
        return False, "other cells"
    if [_kinds(cell) for cell in theirs] != [_kinds(cell) for cell in ours]:
        return False, "other outputs"
    if remeasured:
        return True, "executed anew, the same cells and kinds of outputs"
    same = [_texts(cell) for cell in theirs] == [_texts(cell) for cell in ours]
    return same, "only figures differ" if same else "other text, of identical tables"


def _cells(text: str) -> list[dict[str, Any]]:
    try:
        cells: list[dict[str, Any]] = json.loads(text)["cells"]
        return [{"source": cell["source"], "outputs": cell.get("outputs", [])} for cell in cells]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a notebook: {error!r}") from None


def _kinds(cell: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Kinds of a cell's outputs; streams may come and go: progress and warnings depend on the machine."""
    return [
        (output["output_type"], sorted(output.get("data", {})))
        for output in cell["outputs"]
        if output["output_type"] != "stream"
    ]


def _texts(cell: dict[str, Any]) -> list[Any]:
    return [
        {kind: value for kind, value in output.get("data", output).items() if not kind.startswith("image/")}
        for output in cell["outputs"]
    ]


def _pages(before: str, after: str, remeasured: bool) -> tuple[bool, str]:
    theirs, ours = (_PROVENANCE.sub("", text) for text in (before, after))
    if theirs == ours:
        return True, "names another commit, machine or version"
    if remeasured:
        same = _parts(theirs) == _parts(ours)
        return same, "written anew, the same headings and figures" if same else "other headings or figures"
    same = _EMBEDDED.sub("", theirs) == _EMBEDDED.sub("", ours)
    return same, "only figures differ" if same else "other text, of identical tables"


def _parts(page: str) -> tuple[list[str], int]:
    """Headings and the number of pictures; the verdicts in headings are those of ``claims.json``."""
    return _HEADING.findall(_VERDICT.sub("", page)), page.count("<img")
