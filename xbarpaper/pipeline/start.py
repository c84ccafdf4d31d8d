"""The first call of every notebook."""

from __future__ import annotations

import os
import shlex
import sys
from base64 import b64encode
from typing import Any

from xbarpaper.figures.style import ArtifactFigure, apply_style
from xbarpaper.support import cores
from xbarpaper.support.code import LIBRARY, ROOT
from xbarpaper.support.errors import ArtifactError
from xbarpaper.support.files import find_root


def start() -> None:
    """Begin a notebook: work in the repository's top folder, on one thread, and draw in the artifact's one style.

    JupyterLab starts a notebook in its own folder and the pipeline in the repository's top; after this call,
    paths mean the same in both, and so do last bits. ``execution.threads`` asks for more threads.

    Raises:
        ArtifactError: the notebook does not lie inside the repository, or runs the code of another.
    """
    root = find_root()
    own = root / LIBRARY
    if own.is_dir() and not own.samefile(ROOT / LIBRARY):
        raise ArtifactError(
            f"{root}: its notebook would run the code of {ROOT}, where this environment's {LIBRARY} is; "
            f"`pip install -e {shlex.quote(str(root))}` changes that"
        )
    os.chdir(root)
    if "torch" in sys.modules:  # a notebook that the pipeline executes has it so from the beginning
        sys.modules["torch"].set_num_threads(cores.threads(root))
    cores.keep_freed_memory()
    apply_style()
    _show_figures_as_they_are_saved()


def _show_figures_as_they_are_saved() -> None:
    """The artifact's figures with their headings, and none with matplotlib's version: equal figures are equal bytes."""
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        return
    from matplotlib_inline.config import InlineBackend

    # IPython has a way of its own to show what is a matplotlib figure, and takes it before the figure's own.
    shell.display_formatter.formatters["image/png"].for_type(
        ArtifactFigure, lambda figure: b64encode(figure._repr_png_()).decode()
    )
    options: Any = InlineBackend.instance()
    options.print_figure_kwargs = {**options.print_figure_kwargs, "metadata": {"Software": None}}
