"""What JupyterLab does before it saves a notebook, where ``make lab`` started it."""

from __future__ import annotations

from typing import Any, Final

from xbarpaper.pipeline import stripping

_KERNEL: Final = {"display_name": "Python 3", "language": "python", "name": "python3"}


def keep_source_clean(model: dict[str, Any], path: str, **_: Any) -> None:
    """As ``stripping.keep_source_clean``, and a notebook of ``notebooks/`` keeps the name that its kernel has there.

    Jupyter's own name for it differs from one environment to another.

    Args:
        model: what is to be saved, as Jupyter describes it; changed in place.
        path: where, relative to the folder that Jupyter serves.
    """
    stripping.keep_source_clean(model, path)
    if model["type"] == "notebook" and model["content"]["metadata"].get("language_info") == {
        "name": "python"
    }:
        model["content"]["metadata"]["kernelspec"] = dict(_KERNEL)
