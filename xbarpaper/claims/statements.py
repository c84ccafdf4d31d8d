"""The statements as ``claims.yaml`` gives them: what each says, how it is tested, where the result is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from xbarpaper.support.validation import Section, parse
from xbarpaper.support.yaml_files import read_yaml

PATH: Final = Path("claims.yaml")
Identity = Literal[
    "C1", "C2", "C3", "C4", "C5", "D1", "D2", "D3", "A1", "A2", "A3", "A4", "B1", "B2", "S1", "S2", "T1", "T2",
    "T3", "T4", "T5", "T6", "N1", "N2", "N3",
]  # fmt: skip
"""C: of the paper. D: our own, about hardware. A: about adversarial images. B: about AC/DC. S: about spiking networks.
T: about training on crossbars. N: about batch norms."""
IDENTITIES: Final[tuple[Identity, ...]] = get_args(Identity)

Text = Annotated[str, Field(min_length=1)]
# YAML gives lists; the sections are frozen and hold tuples.
_SEQUENCE: Final = BeforeValidator(lambda values: tuple(values) if isinstance(values, list) else values)


class Statement(Section):
    """One statement, of the paper or our own."""

    id: Identity = Field(description="name of the statement here")
    text: Text = Field(description="what it says")
    source: Text = Field(description="who says so, and where")
    tested: Text = Field(description="the effect, in words")
    test: Text = Field(description="how the effect and its uncertainty become numbers")
    threshold: Text = Field(description="which numbers make which verdict")
    figures: Annotated[tuple[str, ...], Field(min_length=1), _SEQUENCE] = Field(
        description="figures that show it"
    )
    table: Text = Field(description="table with every number")
    stage: Text = Field(description="stage of dvc.yaml that tests it")
    command: Text = Field(description="command that makes it again")

    @property
    def rule(self) -> str:
        """What is tested, how, and against which threshold, in sentences."""
        return f"Effect: {self.tested}. Test: {self.test}. Threshold: {self.threshold}."


class _File(Section):
    claims: Annotated[tuple[Statement, ...], _SEQUENCE]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        found = [statement.id for statement in self.claims]
        if found != list(IDENTITIES):
            raise ValueError(f"claims: the ids {', '.join(found)} must be {', '.join(IDENTITIES)}")
        return self


def load(path: Path | str = PATH) -> dict[str, Statement]:
    """Read and check the statements, by id, in their order.

    Raises:
        ParameterError: the file is missing, is not YAML, or holds a name or a value that is not allowed.
    """
    path = Path(path)
    return {statement.id: statement for statement in parse(read_yaml(path), str(path), _File).claims}
