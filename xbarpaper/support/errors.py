"""The one exception a reader sees: a line that says what is wrong, with which value, and what is allowed."""

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


def one_line(text: str) -> str:
    """A text that a terminal shows as one line of limited length, whatever names and values are quoted in it."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: 4 * _LONGEST])
    if len(shown) > _LONGEST or len(text) > 4 * _LONGEST:
        end = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[-_LONGEST // 2 :])
        shown = f"{shown[: _LONGEST // 2]} ... {end[5 - _LONGEST // 2 :]}"
    return shown
