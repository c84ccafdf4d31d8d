"""Where the work is done."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from xbarpaper.support.schedulers import LOCAL, require_scheduler
from xbarpaper.support.validation import Defaults


class Execution(Defaults):
    """Where trainings and evaluations run. Changing it runs nothing again."""

    scheduler: str = Field(
        default=LOCAL,
        description="local, none, or the address of a Dask scheduler such as tcp://host:8786; see docs/spreading.md",
    )
    workers: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = Field(
        default="auto", description="processes of scheduler: local; auto is one for each core"
    )
    threads: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=1, description="of each process; another number changes the last bits of results"
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        require_scheduler("execution.scheduler", self.scheduler)
        return self
