"""The one exception a reader sees: a line that says what is wrong, with which value, and what is allowed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

_P = ParamSpec("_P")
_LONGEST = 1000  # characters: the start names the place, the end what is allowed


class ArtifactError(Exception):
    """Something the user can mend: a parameter, a file, a folder. Shown as one line, without a traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class ParameterError(ArtifactError):
    """A parameter is missing, misspelt or out of range."""


class DatasetError(ArtifactError):
    """A dataset is missing, damaged or does not fit."""


class CheckpointError(ArtifactError):
    """A checkpoint is missing, damaged, or belongs to another network or other parameters."""


class TrainingError(ArtifactError):
    """Training cannot go on, for example because the loss is not a number."""


class CircuitError(ArtifactError):
    """A crossbar's circuit could not be solved as accurately as asked."""


def command(name: str, *others: type[Exception]) -> Callable[[Callable[_P, int | None]], Callable[_P, int]]:
    """A command line's ``main``, which then returns its exit code: its own or 0; 1 after an error told in one line.

    Args:
        name: what the line begins with.
        others: errors that are told like those of this module.
    """

    known: tuple[type[Exception], ...] = (ArtifactError, *others)

    def told(main: Callable[_P, int | None]) -> Callable[_P, int]:
        @wraps(main)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> int:
            try:
                return main(*args, **kwargs) or 0
            except known as error:
                print(f"{name}: {one_line(str(error))}", file=sys.stderr)
                return 1

        return run

    return told


def one_line(text: str) -> str:
    """A text that a terminal shows as one line of limited length, whatever names and values are quoted in it."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: 4 * _LONGEST])
    if len(shown) > _LONGEST or len(text) > 4 * _LONGEST:
        end = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[-_LONGEST // 2 :])
        shown = f"{shown[: _LONGEST // 2]} ... {end[5 - _LONGEST // 2 :]}"
    return shown
