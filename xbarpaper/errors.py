"""The one exception a reader sees: a line that says what is wrong, with which value, and what is allowed."""


class ArtifactError(Exception):
    """Something the user can mend: a parameter, a file, a folder. Shown as one line, without a traceback."""


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
