"""The start of every notebook, and the command that executes one as a stage of the pipeline.

``python -m xbarpaper.pipeline.notebook run SOURCE TARGET -p NAME VALUE`` executes a notebook with papermill in this
process and with this interpreter, shows its progress on the terminal or in the log, strips what would differ between
two equal runs, and writes the result at the very end, or not at all.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import errno
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xbarpaper.pipeline import inputs, stripping
from xbarpaper.pipeline.nbformat_light import import_nbformat
from xbarpaper.support import files, progress
from xbarpaper.support.errors import ArtifactError, ParameterError

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

Scalar = str | int | float | bool | None

FAILED = Path("data/resume/failed")
"""Where the executed notebook of a failed run is kept, in a subfolder named after the target's folder."""

_MARKERS = ("dvc.yaml", "params.yaml")


def find_root(folder: Path | str = ".") -> Path:
    """The top of the repository: the nearest folder, from ``folder`` upwards, with dvc.yaml and params.yaml.

    Raises:
        ArtifactError: there is none.
    """
    start_at = Path(folder).resolve()
    for candidate in (start_at, *start_at.parents):
        if all((candidate / name).is_file() for name in _MARKERS):
            return candidate
    raise ArtifactError(
        f"{start_at}: not inside the repository (no folder above holds {' and '.join(_MARKERS)})"
    )


def start() -> None:
    """Begin a notebook: work in the repository's top folder, and draw in the artifact's one style.

    JupyterLab starts a notebook in its own folder and the pipeline in the repository's top; after this call,
    paths mean the same in both.

    Raises:
        ArtifactError: the notebook does not lie inside the repository.
    """
    os.chdir(find_root())
    from xbarpaper import figures

    figures.apply_style()
    _drop_software_from_figures()


def _drop_software_from_figures() -> None:
    """Keep matplotlib's version out of inline figures, so that equal figures are equal bytes."""
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython

    if get_ipython() is None:
        return
    from matplotlib_inline.config import InlineBackend

    options: Any = InlineBackend.instance()
    options.print_figure_kwargs = {**options.print_figure_kwargs, "metadata": {"Software": None}}


def run(source: Path | str, target: Path | str, parameters: dict[str, str] | None = None) -> Path:
    """Execute a notebook and write the stripped result atomically.

    Args:
        source: a notebook without outputs, one cell tagged ``parameters`` holding assignments of scalars.
        target: where the executed notebook goes; an earlier one stays until the new one is complete.
        parameters: values, as text, that replace defaults of the parameters cell and take their types.

    Returns:
        ``target``.

    Raises:
        ArtifactError: the notebook is missing or damaged, a parameter is unknown or of the wrong type, or the
            target cannot be written, or an input is not what an earlier stage wrote; all of it is found before
            anything runs.
        papermill.PapermillExecutionError: a cell failed; the notebook up to there is in ``FAILED``.
    """
    import_nbformat()
    import papermill

    source, target = Path(source).resolve(), Path(target).resolve()
    root = find_root()
    notebook = _read(source, _shown(source, root))
    values = _values(notebook, parameters or {}, _shown(source, root))
    _require_writable(target, root)
    inputs.check(root)
    kept = _failed_copy(target, root)
    # The kernel sees neither terminal nor log. The second is for bars that are not the library's own.
    os.environ.setdefault(progress.MODE, "bar" if sys.stderr.isatty() else "lines")
    os.environ.setdefault("TQDM_MININTERVAL", "0.5" if sys.stderr.isatty() else "60")
    with tempfile.TemporaryDirectory(prefix="xbarpaper-") as folder:
        executed = Path(folder) / source.name
        try:
            notebook = papermill.execute_notebook(
                notebook,
                str(executed),
                parameters=values,
                kernel_name="python3",
                cwd=str(root),
                progress_bar=False,
                request_save_on_cell_execute=False,
                stderr_file=_Log(),
                kernel_manager_class=_own_kernel(),
                shutdown_kernel="immediate",  # every output has arrived; after Ctrl-C nobody waits
            )
        except papermill.PapermillExecutionError:
            with contextlib.suppress(ArtifactError, OSError):  # a full disk must not hide what failed
                files.write_text(kept, executed.read_text(encoding="utf-8"))
            raise
    kept.unlink(missing_ok=True)
    return files.write_text(target, stripping.to_text(stripping.strip(notebook, root)))


class _Log:
    """Standard error, on which the kernel's lines of progress end as lines do."""

    def write(self, text: str) -> None:
        sys.stderr.write(text.replace(progress.MARK, "\n"))

    def flush(self) -> None:
        sys.stderr.flush()


def _own_kernel() -> type[AsyncKernelManager]:
    """A kernel manager that always starts this very interpreter, whatever kernels the user has installed.

    What goes between the two is encrypted where both sides can, which also spares a warning per notebook.
    """
    import zmq
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class OwnKernel(AsyncKernelManager):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            if self.has_trait("transport_encryption") and zmq.has("curve"):
                self.transport_encryption = "auto"

        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(**get_kernel_dict())

    return OwnKernel


def _read(source: Path, shown: str) -> Any:
    nbformat = import_nbformat()
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


def _require_writable(target: Path, root: Path) -> None:
    """Find out before hours of work, not after."""
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}."):
            pass
    except OSError as error:
        raise ArtifactError(
            f"{_shown(target, root)}: cannot be written: {error.strerror} ({target.parent})"
        ) from None


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
        prog="python -m xbarpaper.pipeline.notebook", description=__doc__.split("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="execute a notebook")
    runner.add_argument("source", type=Path, help="notebook to execute")
    runner.add_argument("target", type=Path, help="executed notebook to write")
    runner.add_argument(
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
    """Command line; returns the exit code: 0, 1 after an error, 130 after Ctrl-C."""
    given = _arguments(arguments)
    stage = given.target.stem
    try:
        return _run_and_report(given, stage)
    except ArtifactError as error:
        message = str(error)
    except KeyboardInterrupt:
        print(f"{stage}: interrupted; nothing was written", file=sys.stderr)
        return 130
    print(f"{stage}: {message}", file=sys.stderr)
    return 1


def _run_and_report(given: argparse.Namespace, stage: str) -> int:
    import_nbformat()
    from nbclient.exceptions import DeadKernelError
    from papermill import PapermillExecutionError

    try:
        run(given.source, given.target, dict(given.parameters))
    except DeadKernelError:
        raise ArtifactError("the notebook's kernel died, most often because memory ran out") from None
    except PapermillExecutionError as error:
        if error.ename in _artifact_error_names():
            raise ArtifactError(" ".join(error.evalue.split())) from None
        root = find_root()
        kept = _failed_copy(given.target.resolve(), root)
        there = f" (executed up to there: {_shown(kept, root)})" if kept.is_file() else ""
        print("\n".join(error.traceback), file=sys.stderr)
        summary = " ".join(f"{error.ename}: {error.evalue}".split())
        raise ArtifactError(f"{summary:.300}{there}") from None
    except OSError as error:
        raise ArtifactError(
            f"cannot write temporary files: {error.strerror or error}; name a folder with room in TMPDIR"
        ) from None
    return 0


if __name__ == "__main__":
    sys.exit(main())
