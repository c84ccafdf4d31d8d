"""Executes a notebook's cells in this process, for papermill, with the outputs that a Jupyter kernel would give.

A kernel would cost every stage the start of a second process. The shell sees nothing of the user's: no IPython profile
and no start-up files.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from typing import Any, ClassVar, Final, TextIO

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from traitlets import Type
from traitlets.config import Config

from xbarpaper.support import progress
from xbarpaper.support.light_nbformat import nbformat

NAME: Final = "in-process"
"""What papermill calls the engine."""

_LANGUAGE: Final = {
    "codemirror_mode": {"name": "ipython", "version": sys.version_info.major},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": f"ipython{sys.version_info.major}",
    "version": sys.version.split()[0],
}

_SHOWN_COLUMNS: Final = 20
"""Columns of a table that pandas shows as text in a notebook; in a terminal it goes by the width."""

_Output = Callable[..., None]


class InProcess(Engine):  # type: ignore[misc]
    """papermill's engine of this name."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **_: Any) -> None:
        """Execute the cells up to the first that fails.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        with tempfile.TemporaryDirectory(prefix="xbarpaper-") as folder:
            shell = _ZmqLikeShell.instance(config=_ZmqLikeShell.isolated, ipython_dir=folder)
            # pandas that was loaded before there was a shell takes the output for a terminal's.
            if "pandas" in sys.modules:
                sys.modules["pandas"].set_option("display.max_columns", _SHOWN_COLUMNS)
            for index, cell in enumerate(nb_man.nb.cells):
                nb_man.cell_start(cell, index)
                if cell.cell_type == "code" and not shell.execute(cell):
                    nb_man.cell_exception(cell, cell_index=index)
                    nb_man.cell_complete(cell, cell_index=index)
                    break
                nb_man.cell_complete(cell, cell_index=index)
        nb_man.nb.metadata["language_info"] = _LANGUAGE


class _Stream:
    """Standard output or error of a cell: text goes into the notebook and, where it is error, on to the log."""

    encoding = "utf-8"

    def __init__(self, name: str, add: _Output, log: TextIO | None) -> None:
        self.name, self._add, self._log = name, add, log

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            self._add("stream", name=self.name, text=text)
            if self._log is not None:
                self._log.write(text.replace(progress.MARK, "\n"))
        return len(text)

    def flush(self) -> None:
        if self._log is not None:
            self._log.flush()

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:  # of the process, for programs that it starts
        return (sys.__stdout__ if self.name == "stdout" else sys.__stderr__).fileno()  # type: ignore[union-attr]


class _Publisher(DisplayPublisher):
    shell: _ZmqLikeShell

    def publish(self, data: Any, metadata: Any = None, source: Any = None, **_: Any) -> None:
        self.shell.add("display_data", data=data, metadata=metadata or {})

    def clear_output(self, wait: bool = False) -> None:
        self.shell.cell.outputs.clear()


class _Hook(DisplayHook):
    """The value of a cell's last line."""

    shell: _ZmqLikeShell

    def write_output_prompt(self) -> None: ...

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        count = self.prompt_count
        self.shell.add("execute_result", data=format_dict, metadata=md_dict or {}, execution_count=count)

    def finish_displayhook(self) -> None:
        self._is_active = False


class _ZmqLikeShell(InteractiveShell):
    """IPython as a kernel has it. pandas takes a shell for a notebook's by ``zmq`` in its name and by ``kernel``."""

    isolated: ClassVar[Config] = Config(
        HistoryManager={"enabled": False}, InteractiveShell={"colors": "neutral"}
    )
    kernel = None
    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)
    cell: Any

    def execute(self, cell: Any) -> bool:
        """Run a cell and keep its outputs in it; returns whether it ended well."""
        self.cell, before = cell, (sys.stdout, sys.stderr)
        cell.execution_count = self.execution_count
        sys.stdout = _Stream("stdout", self.add, None)
        sys.stderr = _Stream("stderr", self.add, before[1])
        try:
            result = self.run_cell(cell.source, store_history=True)  # type: ignore[no-untyped-call]
        finally:
            sys.stdout, sys.stderr = before
        if isinstance(result.error_in_exec, KeyboardInterrupt):
            raise KeyboardInterrupt
        return bool(result.success)

    def add(self, kind: str, **content: Any) -> None:
        """Append an output to the cell."""
        last = self.cell.outputs[-1] if self.cell.outputs else None
        if kind == "stream" and last is not None and last.get("name") == content["name"]:
            last.text += content["text"]
        else:
            self.cell.outputs.append(nbformat.v4.new_output(kind, **content))

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        self.add("error", ename=etype.__name__, evalue=str(evalue), traceback=stb)

    def init_virtualenv(self) -> None:
        """IPython would let the packages of another activated environment take the place of this one's."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Figures are drawn into the notebook."""


papermill_engines.register(NAME, InProcess)
