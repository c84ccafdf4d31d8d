"""What code each stage runs: the first stage of the pipeline, ``python -m xbarpaper.pipeline.code MODULE...``.

It writes ``data/code/NAME.txt`` for each notebook of dvc.yaml and for each module that is named: a line for the notebook
itself, and for each file of the library that it reaches. The stages depend on these files. So a stage runs again when
what it runs has changed, and for nothing else: neither for a module that it does not reach, nor for what editors and
file managers leave in notebooks and folders, nor for a notebook that no stage executes.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from xbarpaper.support import inputs
from xbarpaper.support.code import LIBRARY, cells, file_digest, reached, record_of
from xbarpaper.support.errors import ArtifactError, command
from xbarpaper.support.files import find_root, write_text

_EXECUTES: Final = f"{LIBRARY}.pipeline.run"
_COMMAND: Final = re.compile(rf"python (?:-E -s )?-m ({LIBRARY}[\w.]*)(?: (notebooks/\w+\.ipynb))?")
_TEMPLATES: Final = "templates"  # of a package, read by its modules


def started_by(command: str) -> Path | str | None:
    """What a stage's command runs: a notebook, or a module of the library; None where it is neither."""
    found = _COMMAND.match(command)
    return None if found is None else Path(found[2]) if found[2] else found[1]


def code_of(root: Path, started: Path | str) -> list[Path]:
    """The files that a notebook or a module consists of and reaches, itself first, relative to ``root``.

    Raises:
        ArtifactError: the notebook cannot be read.
        ModuleNotFoundError: something that is imported is not in the library.
    """
    module = _EXECUTES if isinstance(started, Path) else started
    main = f"{module}.__main__" if (root / Path(*module.split("."))).is_dir() else module
    sources = [source_of(root / started)] if isinstance(started, Path) else []
    found = reached(root, [main], sources)
    folders = {root / path.parent / _TEMPLATES for path in found}
    found |= {path.relative_to(root) for folder in folders for path in folder.glob("[!.#]*[!~#]")}
    return [started, *sorted(found)] if isinstance(started, Path) else sorted(found)


def write_all(root: Path, modules: Sequence[str] = ()) -> None:
    """Write down the code of every notebook that dvc.yaml executes, and of the modules.

    Raises:
        ArtifactError: a notebook cannot be read, or is no Python.
        ModuleNotFoundError: something that is imported is not in the library.
    """
    commands = _COMMAND.findall((root / "dvc.yaml").read_text(encoding="utf-8"))
    notebooks = sorted({Path(notebook) for _, notebook in commands if notebook})
    everything: list[Path | str] = [*notebooks, *modules]
    for started in everything:
        lines = (f"{path.as_posix()} {file_digest(root / path)}\n" for path in code_of(root, started))
        write_text(root / record_of(started), "".join(lines))


def source_of(notebook: Path) -> str:
    """The code cells of a notebook as one text of Python.

    Raises:
        ArtifactError: the notebook cannot be read, or a cell is no Python.
    """
    texts = ("".join(cell["source"]) for cell in cells(notebook) if cell["cell_type"] == "code")
    return "\n".join(_python(text, notebook) for text in texts)


def _python(text: str, notebook: Path) -> str:
    """A cell as it is, or, with magics, as IPython reads it; below one such as %%time is Python, below %%bash nothing."""
    with suppress(SyntaxError):
        ast.parse(text)
        return text
    from IPython.core.inputtransformer2 import TransformerManager  # not sooner: it takes long to import

    magic, _, below = text.partition("\n")
    is_whole = magic.startswith("%%")
    read: str = TransformerManager().transform_cell(below if is_whole else text)
    try:
        ast.parse(read)
    except SyntaxError as error:
        if is_whole:
            return ""
        line = (error.text or "").strip()
        raise ArtifactError(
            f"{notebook.parent.name}/{notebook.name}: not Python: {error.msg}: {line}"
        ) from None
    return read


@command("code", ModuleNotFoundError, SyntaxError)
def main() -> None:
    """Command line."""
    root = find_root()
    inputs.require_inside(root)
    write_all(root, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
