"""nbformat, imported without a grammar that takes seconds to build.

nbformat imports jsonschema, which imports rfc3987_syntax where it is installed (JupyterLab brings it) to check
addresses. Notebooks hold none. Import this before anything else, such as papermill, imports jsonschema.
"""

from __future__ import annotations

import sys

_GRAMMAR = "rfc3987_syntax"
_HIDDEN = _GRAMMAR not in sys.modules
if _HIDDEN:
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]  # jsonschema does without it where it is missing

import nbformat  # noqa: E402

if _HIDDEN:
    del sys.modules[_GRAMMAR]

__all__ = ["nbformat"]
