"""YAML files as plain values: small, flat enough, and refused in one line where they are no such thing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from xbarpaper.support.errors import ParameterError

_MOST_BYTES: Final = 256 << 10  # far above any profile; the parser takes seconds for more
_MOST_VALUES: Final = 50_000  # with every alias unfolded: a few lines can stand for billions
_MOST_BRACKETS: Final = 2000  # the parser's time grows with their square where none is closed
_DEEPEST: Final = 50


def read_yaml(path: Path, source: str | None = None, hint: str = "") -> Any:
    """What a YAML 1.2 file holds: mappings, sequences and scalars.

    Args:
        path: the file.
        source: what to call it in an error message; its path if not given.
        hint: what to do where it is missing.

    Raises:
        ParameterError: the file is missing, too large, no UTF-8 text or no YAML, or is nested too deeply.
    """
    source = source or str(path)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ParameterError(
                f"{source}: is larger than {_MOST_BYTES >> 10} KiB, which is the most allowed"
            )
        if content.count(b"[") + content.count(b"{") > _MOST_BRACKETS:
            raise ParameterError(
                f"{source}: holds more than {_MOST_BRACKETS} opening brackets, which is the most allowed"
            )
        tree = YAML(typ="safe", pure=True).load(content.decode("utf-8"))
        _count(tree)
        return tree
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
        raise ParameterError(f"{source}: not valid YAML: must be nested at most {_DEEPEST} deep") from None
    # The parser's own words for a date, a number or a tagged value that is none: errors of many kinds.
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise ParameterError(
            f"{source}: not valid YAML: a value is not what it looks like: {error}"
        ) from None


def _count(tree: Any) -> None:
    """Unfold every alias, up to the limits.

    Raises:
        RecursionError: it is nested too deeply, or in itself.
        ValueError: it holds too many values.
    """
    for number, _ in enumerate(_values(tree, 0)):
        if number >= _MOST_VALUES:
            raise ValueError(f"it unfolds to more than {_MOST_VALUES} values")


def _values(tree: Any, depth: int) -> Iterator[Any]:
    if depth > _DEEPEST:
        raise RecursionError
    yield tree
    inner = (
        (*tree.keys(), *tree.values())
        if isinstance(tree, dict)
        else tree
        if isinstance(tree, (list, tuple, set))
        else ()
    )
    for value in inner:
        yield from _values(value, depth + 1)
