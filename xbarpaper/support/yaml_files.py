"""YAML files as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from xbarpaper.support.errors import ParameterError


def read_yaml(path: Path, source: str | None = None, hint: str = "") -> Any:
    """What a YAML 1.2 file holds: mappings, sequences and scalars.

    Args:
        path: the file.
        source: what to call it in an error message; its path if not given.
        hint: what to do where it is missing.

    Raises:
        ParameterError: the file is missing, is not UTF-8 text or is not YAML.
    """
    source = source or str(path)
    try:
        return YAML(typ="safe", pure=True).load(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"{source}: no such file{hint and '; '}{hint}") from None
    except UnicodeDecodeError as error:
        raise ParameterError(f"{source}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    except OSError as error:
        raise ParameterError(f"{source}: cannot be read: {error.strerror}") from None
    except YAMLError as error:
        line = " ".join(str(getattr(error, "problem", None) or error).split())
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ParameterError(f"{source}: not valid YAML: {line}{where}") from None
    except RecursionError:
        raise ParameterError(f"{source}: not valid YAML: it is nested too deeply") from None
    # ruamel's errors at a date, a number or a tagged value that cannot be read are of many types.
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise ParameterError(f"{source}: not valid YAML: a value cannot be read: {error}") from None
