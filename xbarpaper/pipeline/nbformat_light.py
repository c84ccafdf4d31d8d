"""nbformat, without a grammar that it never uses.

nbformat imports jsonschema, which imports rfc3987_syntax where that is installed; JupyterLab brings it. Its grammar of
internationalised addresses takes a second to build, in each stage again; the schema of notebooks has no such address.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

_GRAMMAR = "rfc3987_syntax"


def import_nbformat() -> Any:
    """Import nbformat; call it before anything else, such as papermill, imports it."""
    if "jsonschema" in sys.modules or _GRAMMAR in sys.modules:
        return importlib.import_module("nbformat")
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]  # jsonschema does without it where it is missing
    try:
        return importlib.import_module("nbformat")
    finally:
        del sys.modules[_GRAMMAR]
