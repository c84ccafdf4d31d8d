"""What JupyterLab does before it saves a notebook, where ``make lab`` started it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

# Jupyter's own name for the kernel differs from one environment to another.
_KERNEL: Final = {"display_name": "Python 3", "language": "python", "name": "python3"}


def keep_source_clean(model: dict[str, Any], path: str, **_: Any) -> None:
    """A notebook of ``notebooks/`` keeps no outputs and no counts, and its kernel's usual metadata.

    Args:
        model: what is to be saved, as Jupyter describes it; changed in place.
        path: where, relative to the folder that Jupyter serves.
    """
    if model["type"] != "notebook" or "data" in Path(path).parts or "reports" in Path(path).parts:
        return
    node = model["content"]
    node["metadata"] |= {"language_info": {"name": "python"}, "kernelspec": dict(_KERNEL)}
    for cell in node["cells"]:
        cell["metadata"] = {name: value for name, value in cell["metadata"].items() if name == "tags"}
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
