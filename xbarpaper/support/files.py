"""Files that are either wholly there or not there at all."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xbarpaper.support.errors import ArtifactError

if TYPE_CHECKING:
    import pandas as pd

_HOST = socket.gethostname()[:40]  # on a shared disk, other machines' processes have the same numbers
_MARKERS = ("dvc.yaml", "params.yaml")


def find_root() -> Path:
    """The top of the repository: the nearest folder, from the working one upwards, with dvc.yaml and params.yaml.

    Raises:
        ArtifactError: there is none.
    """
    begin = Path.cwd()
    for candidate in (begin, *begin.parents):
        if all((candidate / name).is_file() for name in _MARKERS):
            return candidate
    raise ArtifactError(
        f"{begin}: not inside the repository (no folder above holds {' and '.join(_MARKERS)})"
    )


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that replaces it only if the block ends without an error.

    Temporary files that killed processes left there for the same path are removed.

    Raises:
        ArtifactError: the folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    temporary = _made_beside(path)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be written: {error.strerror or error}") from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError":  # what safetensors makes of a full disk
            raise
        raise ArtifactError(f"{path}: cannot be written: {str(error).splitlines()[0]}") from error
    finally:
        temporary.unlink(missing_ok=True)


def require_writable(path: Path | str) -> None:
    """Refuse a path that ``atomic`` could not write now: before hours of work, not after.

    Raises:
        ArtifactError: a folder is in its place, or its folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    # First, as it says what is wrong with a path that the system cannot even look at.
    _made_beside(path).unlink()
    if path.is_dir():
        raise ArtifactError(f"{path}: cannot be written: {os.strerror(errno.EISDIR)}")


def _made_beside(path: Path) -> Path:
    """A new, empty temporary file in the folder of ``path``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        temporary = path.parent / f".{path.name}.{_HOST}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}"
        temporary.open("x").close()  # with the rights that the folder and the umask give
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be written: {error.strerror} ({path.parent})") from error
    return temporary


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files of this machine's processes that are no more: a killed one could not."""
    start = f".{path.name}.{_HOST}-"
    for leftover in path.parent.glob(f"{glob.escape(start)}*-*"):
        process = leftover.name.removeprefix(start).split("-")[0]
        if process.isdecimal() and not _is_running(int(process)):
            leftover.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_text(path: Path | str, text: str) -> Path:
    """Write ``text`` in UTF-8, atomically; returns the path."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_table(path: Path | str, table: pd.DataFrame) -> Path:
    """Write a table as CSV without its index, numbers to nine digits, atomically; returns the path."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.9g", lineterminator="\n")
    return Path(path)


def read_table(path: Path | str) -> pd.DataFrame:
    """Read a table that ``write_table`` wrote; empty cells stay missing, the text ``none`` stays text.

    Raises:
        ArtifactError: the file is missing or is not such a table.
    """
    import pandas as pd  # not sooner: it takes half a second to import

    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such table; `dvc repro` makes it") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path}: damaged table: {error}") from error


def read_json(path: Path | str) -> Any:
    """Plain values of a JSON file.

    Raises:
        ArtifactError: it is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path}: no such file; `dvc repro` makes it") from None
    except ValueError as error:
        raise ArtifactError(f"{path}: not valid JSON: {error}") from None


def plainly_named(folder: Path, pattern: str) -> list[Path]:
    """Files of a pattern with plain names, in order: not what editors, disks and synchronisation leave or copy beside."""
    return sorted(path for path in folder.glob(pattern) if re.fullmatch(r"\w+\.\w+", path.name))


def sha256(path: Path | str) -> str:
    """SHA-256 of a file, as hexadecimal text."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
