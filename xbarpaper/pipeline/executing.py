"""Executes a notebook as a stage of the pipeline.

papermill executes it in this interpreter. Progress is shown on the terminal or in the log, what would differ between two
equal runs is stripped, and the result is written at the very end, or not at all.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from xbarpaper.pipeline import resuming, stripping, warm
from xbarpaper.support import cores, files, inputs, progress
from xbarpaper.support.errors import ArtifactError, ParameterError
from xbarpaper.support.files import find_root
from xbarpaper.support.light_nbformat import nbformat

Scalar = str | int | float | bool | None

FAILED: Final = resuming.FOLDER / "failed"
"""Where the executed notebook of a failed run is kept, in a subfolder named after the target's folder."""


def run(source: Path | str, target: Path | str, parameters: dict[str, str] | None = None) -> Path:
    """Execute a notebook in this process and write the stripped result atomically.

    Args:
        source: a notebook without outputs, one cell tagged ``parameters`` holding assignments of scalars.
        target: where the executed notebook goes; an earlier one stays until the new one is complete.
        parameters: values, as text, that replace defaults of the parameters cell and take their types.

    Returns:
        ``target``.

    Raises:
        ArtifactError: the notebook is missing or damaged, a parameter is unknown or of the wrong type, the target
            cannot be written, the code has changed since DVC looked at it, or an input is not what an earlier
            stage wrote; all of it is found before anything runs.
        papermill.PapermillExecutionError: a cell failed; the notebook up to there is in ``FAILED``.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    return _prepared(source, target, parameters or {}).execute()


@dataclass(frozen=True)
class _Job:
    """A notebook that may run: everything that can be found wrong before has been looked for."""

    root: Path
    notebook: Any
    values: dict[str, Scalar]
    target: Path

    def execute(self) -> Path:
        """See ``run``."""
        resuming.remove_finished(self.root, self.target)
        _isolate(self.root, self.target)
        import papermill

        from xbarpaper.pipeline import engine

        kept = _failed_copy(self.target, self.root)
        with tempfile.TemporaryDirectory(prefix="xbarpaper-") as folder, cores.place().held():
            executed = Path(folder) / self.target.name
            try:
                notebook = papermill.execute_notebook(
                    self.notebook,
                    str(executed),
                    parameters=self.values,
                    engine_name=engine.NAME,
                    kernel_name="python3",
                    cwd=str(self.root),
                    progress_bar=False,
                    request_save_on_cell_execute=False,
                )
            except papermill.PapermillExecutionError:
                with contextlib.suppress(ArtifactError, OSError):  # a full disk must not hide what failed
                    files.write_text(kept, executed.read_text(encoding="utf-8"))
                raise
        kept.unlink(missing_ok=True)
        files.write_text(self.target, stripping.to_text(stripping.strip(notebook, self.root)))
        resuming.mark_finished(self.root, self.target)
        return self.target


def _prepared(source: Path | str, target: Path | str, parameters: dict[str, str]) -> _Job:
    source, target = Path(source).resolve(), Path(target)
    target = target.parent.resolve() / target.name  # a link, such as DVC makes into its cache, is replaced
    root = find_root()
    notebook = _read(source, _shown(source, root))
    values = _values(notebook, parameters, _shown(source, root))
    files.require_writable(os.path.relpath(target))
    inputs.check(root, Path(_shown(source, root)))
    return _Job(root, notebook, values, target)


def _isolate(root: Path, target: Path) -> None:
    """Let the notebook see the repository and its parameters, and nothing of the user's that changes what it gives."""
    for path in filter(None, os.environ.pop("PYTHONPATH", "").split(os.pathsep)):
        while path in sys.path:
            sys.path.remove(path)
    _usual_warnings()
    cores.name_user()
    os.environ |= {
        resuming.STAGE: target.stem,
        # The notebook sees neither terminal nor log. The second is for bars that are not the library's own.
        progress.MODE: os.environ.get(progress.MODE) or ("bar" if sys.stderr.isatty() else "lines"),
        "TQDM_MININTERVAL": os.environ.get("TQDM_MININTERVAL") or ("0.5" if sys.stderr.isatty() else "60"),
    }
    warm.prepare(os.environ, root)


def _usual_warnings() -> None:
    """Python's own choice of warnings, whatever PYTHONWARNINGS or development mode ask for."""
    if sys.warnoptions:
        sys.warnoptions.clear()
        warnings.resetwarnings()
        for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", kind)
        warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")


def _read(source: Path, shown: str) -> Any:
    try:
        notebook = nbformat.read(source, as_version=4)
        nbformat.validate(notebook)
        return notebook
    except FileNotFoundError:
        there = ", ".join(sorted(path.name for path in source.parent.glob("*.ipynb"))) or "none"
        raise ArtifactError(f"{shown}: no such notebook (in this folder: {there})") from None
    except OSError as error:
        raise ArtifactError(f"{shown}: cannot be read: {error.strerror}") from None
    # nbformat looks into what it takes for a notebook before it checks that it is one.
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        nbformat.ValidationError,
    ) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArtifactError(f"{shown}: not a Jupyter notebook: {reason:.100}") from None


def _defaults(notebook: Any, source: str) -> dict[str, Scalar]:
    """Names and default values that the notebook's parameters cell assigns."""
    defaults: dict[str, Scalar] = {}
    for cell in notebook.cells:
        if "parameters" not in cell.metadata.get("tags", []):
            continue
        try:
            statements = ast.parse(cell.source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = getattr(error, "msg", None) or "nested too deeply"
            raise ParameterError(f"{source}: its parameters cell is not Python: {reason}") from None
        for statement in statements:
            if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
                continue
            name = statement.targets[0].id
            try:
                defaults[name] = ast.literal_eval(statement.value)
            except (ValueError, RecursionError, MemoryError):
                raise ParameterError(f"{source}: the default of parameter {name} must be a scalar") from None
    return defaults


def _values(notebook: Any, parameters: dict[str, str], source: str) -> dict[str, Scalar]:
    """Parameters in the types of their defaults."""
    defaults = _defaults(notebook, source)
    values: dict[str, Scalar] = {}
    for name, text in parameters.items():
        if name not in defaults:
            allowed = ", ".join(defaults) or "none: no cell is tagged 'parameters'"
            raise ParameterError(f"{source}: {name} is not a parameter of this notebook (allowed: {allowed})")
        kind = type(defaults[name])
        try:
            values[name] = text if kind in (str, type(None)) else _converted(text, kind)
        except ValueError:
            raise ParameterError(f"{source}: {name} = {text} must be of type {kind.__name__}") from None
    return values


def _converted(text: str, kind: type) -> Scalar:
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    number: Scalar = kind(text)
    return number


def _failed_copy(target: Path, root: Path) -> Path:
    return root / FAILED / target.parent.name / target.name


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _artifact_error_names() -> set[str]:
    found, pending = {ArtifactError.__name__}, [ArtifactError]
    while pending:
        for kind in pending.pop().__subclasses__():
            found.add(kind.__name__)
            pending.append(kind)
    return found


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m xbarpaper.pipeline.run", description="Execute a notebook as a stage."
    )
    parser.add_argument("source", type=Path, help="notebook to execute")
    parser.add_argument("target", type=Path, help="executed notebook to write")
    parser.add_argument(
        "-p",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        dest="parameters",
        help="set a parameter",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0, 1 after an error, 130 after Ctrl-C.

    The notebook runs in a child, so that somebody is left to say so when it dies.
    """
    given = _arguments(arguments)
    try:
        job = _prepared(given.source, given.target, dict(given.parameters))
        parent, child = os.getpid(), cores.fork()
    except ArtifactError as error:
        print(f"{given.target.stem}: {error}", file=sys.stderr)
        return 1
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)  # else the terminal's Ctrl-C would arrive twice
            cores.die_with(parent)
            code = _executed(job)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    signal.signal(signal.SIGINT, lambda *_: os.kill(child, signal.SIGINT))
    cores.end_with_dvc()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1, 130):
        print(f"{given.target.stem}: {_DIED}", file=sys.stderr)
        return 1
    return code


_DIED: Final = "the notebook's process died, most often because memory ran out"


def _executed(job: _Job) -> int:
    """Run a notebook and tell a failure in one line; returns the exit code."""
    from papermill import PapermillExecutionError

    try:
        job.execute()
    except KeyboardInterrupt:
        message, code = "interrupted; nothing was written", 130
    except ArtifactError as error:
        message, code = str(error), 1
    except OSError as error:
        reason = error.strerror or error
        message, code = f"cannot write temporary files: {reason}; name a folder with room in TMPDIR", 1
    except PapermillExecutionError as error:
        message, code = _told(error, job), 1
    else:
        return 0
    print(f"{job.target.stem}: {message}", file=sys.stderr)
    return code


def _told(error: Any, job: _Job) -> str:
    """What to say of a cell's error in one line; its traceback goes before, unless it is an error of the user's."""
    if error.ename in _artifact_error_names():
        return " ".join(error.evalue.split())
    kept = _failed_copy(job.target, job.root)
    there = f" (executed up to there: {_shown(kept, job.root)})" if kept.is_file() else ""
    print("\n".join(error.traceback), file=sys.stderr)
    return f"{' '.join(f'{error.ename}: {error.evalue}'.split()):.300}{there}"
